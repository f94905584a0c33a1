import { FORBIDDEN } from '../../kernels/crfDecode.ts';
import { checkArguments } from '../base/arguments.ts';
import * as is from '../base/kinds.ts';
import { contextKind, scoresKind } from '../dsl/handle.ts';
import { equal, f32, type GraphContext, i32, or, scope, type Tensor, uniform, where } from '../dsl/index.ts';
import { type LabelScheme, schemeKind, splitTag } from './tags.ts';

export { FORBIDDEN };

/** Scores over C labels. */
export interface LabelChain<C extends number> {
  readonly transitions: Tensor<'f32', [C, C]>;
  readonly start: Tensor<'f32', [C]>;
  readonly stop: Tensor<'f32', [C]>;
}

/** What may follow what: 0 where allowed, FORBIDDEN elsewhere. */
export interface ChainConstraints {
  /** [from · labels + to] */
  readonly transitions: readonly number[];
  readonly start: readonly number[];
  readonly stop: readonly number[];
}

/**
 * All that transitions depend on, as numbers of types (0: no chunk) for each label. The one from → to is allowed where enters[to]
 * is leaves[from] or ends[from]; a sentence begins where enters is 0, and ends where ends is 0.
 */
function chainCodes(labels: readonly string[], scheme: LabelScheme) {
  const tags = labels.map(splitTag);
  const types = new Map([...new Set(tags.map(({ type }) => type))].map((type, i) => [type, i + 1]));
  const begun = new Set(tags.flatMap(({ part, type }) => (part === 'B' ? [type] : [])));
  const number = (type: string, holds: boolean): number => (holds ? (types.get(type) ?? 0) : 0);
  return {
    // the type of the chunk that the label goes on with; a type that no label begins is begun by those inside of it, as conlleval
    // reads them
    enters: tags.map(({ part, type }) => number(type, (part === 'I' || part === 'E') && begun.has(type))),
    // the type of the chunk that may go on behind the label
    leaves: tags.map(({ part, type }) => number(type, part === 'B' || part === 'I')),
    // 0 where a chunk may end with the label, which is anywhere in BIO, else the type that has to go on
    ends: tags.map(({ part, type }) => number(type, scheme !== 'BIO' && (part === 'B' || part === 'I'))),
  };
}

/** The transitions that a scheme allows between `labels`, in the order of their ids: labels² numbers. */
export function chainConstraints(labels: readonly string[], scheme: LabelScheme): ChainConstraints {
  checkArguments('chainConstraints', { labels: is.names, scheme: schemeKind }, [labels, scheme]);
  const { enters, leaves, ends } = chainCodes(labels, scheme);
  const score = (allowed: boolean): number => (allowed ? 0 : FORBIDDEN);
  return {
    transitions: leaves.flatMap((open, from) =>
      enters.map((entered) => score(entered === open || entered === ends[from])),
    ),
    start: enters.map((entered) => score(entered === 0)),
    stop: ends.map((end) => score(end === 0)),
  };
}

/**
 * `scores` with what the scheme forbids ruled out, computed on the device from a few numbers per label: a graph with all labels²
 * constraints as constants would make checkpoints that no program can read.
 */
export function constrain<C extends number>(
  g: GraphContext,
  scores: LabelChain<C>,
  labels: readonly string[],
  scheme: LabelScheme,
): LabelChain<C> {
  const kinds = { g: contextKind, scores: scoresKind, labels: is.names, scheme: schemeKind };
  checkArguments('constrain', kinds, [g, scores, labels, scheme]);
  const { transitions, start, stop } = scores;
  const count = labels.length;
  const { enters, leaves, ends } = chainCodes(labels, scheme);
  const row = (codes: readonly number[]) => g.constant(codes, i32, [count]);
  const column = (codes: readonly number[]) => g.constant(codes, i32, [count, 1]);
  const entered = row(enters);
  const allowed = or(equal(column(leaves), entered), equal(column(ends), entered));
  return {
    transitions: where(allowed, transitions, FORBIDDEN),
    start: where(equal(entered, 0), start, FORBIDDEN),
    stop: where(equal(row(ends), 0), stop, FORBIDDEN),
  };
}

const crfLayerOptions = {
  /** decoding never emits a labelling that the scheme forbids; training is free */
  scheme: is.omittable(schemeKind),
  /** scope of its parameters, 'crf' by default */
  name: is.optional(is.text),
};
export type CrfLayerOptions = is.OptionsOf<typeof crfLayerOptions>;

export interface CrfLayer<C extends number> {
  /** the parameters */
  readonly scores: LabelChain<C>;
  /** the parameters with forbidden transitions ruled out; the same tensors when there is no scheme */
  readonly constrained: LabelChain<C>;
}

/** Declares `NAME/transitions` [C, C], `NAME/start` [C], `NAME/stop` [C] for labels in the order of their ids. */
export function crfLayer<C extends number = number>(
  g: GraphContext,
  labels: readonly string[] & { readonly length: C },
  options: CrfLayerOptions = {},
): CrfLayer<C> {
  const kinds = { g: contextKind, labels: is.names, options: crfLayerOptions };
  checkArguments('crfLayer', kinds, [g, labels, options]);
  const { scheme, name = 'crf' } = options;
  const count = labels.length;
  return scope(name, () => {
    const scores = {
      // scores of pairs, which have no scale that decay could keep small
      transitions: g.parameter('transitions', f32, [count, count], uniform(0.1), { decays: false }),
      start: g.parameter('start', f32, [count], uniform(0.1)),
      stop: g.parameter('stop', f32, [count], uniform(0.1)),
    };
    return { scores, constrained: scheme === undefined ? scores : constrain(g, scores, labels, scheme) };
  });
}
