import { add, f32, type GraphContext, scope, type Tensor, uniform } from '../dsl/index.ts';
import { chainConstraints, type LabelScheme } from './chain.ts';

export interface CrfLayerOptions {
  /** decoding never emits a labelling that the scheme forbids; training is free */
  readonly scheme?: LabelScheme | undefined;
  /** scope of its parameters, 'crf' by default */
  readonly name?: string;
}

/** Scores over C labels. */
export interface LabelChain<C extends number> {
  readonly transitions: Tensor<'f32', [C, C]>;
  readonly start: Tensor<'f32', [C]>;
  readonly stop: Tensor<'f32', [C]>;
}

export interface CrfLayer<C extends number> {
  /** the parameters */
  readonly scores: LabelChain<C>;
  /** the parameters with forbidden steps ruled out; the same tensors when there is no scheme */
  readonly constrained: LabelChain<C>;
}

/** Declares `NAME/transitions` [C, C], `NAME/start` [C], `NAME/stop` [C] for labels in the order of their ids. */
export function crfLayer<C extends number = number>(
  g: GraphContext,
  labels: readonly string[] & { readonly length: C },
  { scheme, name = 'crf' }: CrfLayerOptions = {},
): CrfLayer<C> {
  const count = labels.length;
  return scope(name, () => {
    const scores = {
      transitions: g.parameter('transitions', f32, [count, count], uniform(0.1)),
      start: g.parameter('start', f32, [count], uniform(0.1)),
      stop: g.parameter('stop', f32, [count], uniform(0.1)),
    };
    if (scheme === undefined) return { scores, constrained: scores };
    const forbidden = chainConstraints(labels, scheme);
    const constrained = {
      transitions: add(scores.transitions, g.constant(forbidden.transitions, f32, [count, count])),
      start: add(scores.start, g.constant(forbidden.start, f32, [count])),
      stop: add(scores.stop, g.constant(forbidden.stop, f32, [count])),
    };
    return { scores, constrained };
  });
}
