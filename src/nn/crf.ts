import { checkArguments } from '../base/arguments.ts';
import { names, type OptionsOf, omittable, optional, text } from '../base/kinds.ts';
import { contextKind } from '../dsl/graph.ts';
import { f32, type GraphContext, scope, uniform } from '../dsl/index.ts';
import { constrain, type LabelChain } from './chain.ts';
import { schemeKind } from './tags.ts';

const crfLayerOptions = {
  /** decoding never emits a labelling that the scheme forbids; training is free */
  scheme: omittable(schemeKind),
  /** scope of its parameters, 'crf' by default */
  name: optional(text),
};
export type CrfLayerOptions = OptionsOf<typeof crfLayerOptions>;

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
  checkArguments('crfLayer', { g: contextKind, labels: names, options: crfLayerOptions }, [
    g,
    labels,
    options,
  ]);
  const { scheme, name = 'crf' } = options;
  const count = labels.length;
  return scope(name, () => {
    const scores = {
      transitions: g.parameter('transitions', f32, [count, count], uniform(0.1)),
      start: g.parameter('start', f32, [count], uniform(0.1)),
      stop: g.parameter('stop', f32, [count], uniform(0.1)),
    };
    return { scores, constrained: scheme === undefined ? scores : constrain(g, scores, labels, scheme) };
  });
}
