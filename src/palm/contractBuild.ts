import type { GraphContext } from '../dsl/graph.ts';
import type { Tensor } from '../dsl/tensor.ts';
import type { Backbone, Head, Named, Specs, Tensors } from './contract.ts';
import { checkBuilt, checkLoss } from './contractCheck.ts';

/** Declares the inputs of a graph that a component needs; names that are there already are shared. */
export function inputsOf(g: GraphContext, needs: Specs, known: Map<string, Tensor>): Named {
  return Object.fromEntries(
    Object.entries(needs).map(([name, { dtype, shape }]) => {
      const tensor = known.get(name) ?? g.input(name, dtype, shape);
      known.set(name, tensor);
      return [name, tensor];
    }),
  );
}

/** Builds a backbone within the scope of its name and checks what it gives. @throws FROND-C004, C005 */
export function encode<N extends Specs, G extends Specs>(
  g: GraphContext,
  backbone: Backbone<N, G>,
  inputs: Tensors<N>,
): Tensors<G> {
  const built = g.scope(backbone.name, () => backbone.build(g, inputs));
  checkBuilt(`backbone ${backbone.name}`, backbone.gives, built);
  return built;
}

/**
 * The loss of a head, within the scope `scope` (its task's name). `inputs` are what it needs of backbone and reader.
 * @throws FROND-C007 when it is no f32 scalar
 */
export function lossOf(
  g: GraphContext,
  head: Head,
  scope: string,
  inputs: Named,
  labels: Named,
): Tensor<'f32', []> {
  return g.scope(scope, () => {
    const loss = head.loss(g, { ...inputs, ...labels, ...head.build(g, inputs) });
    checkLoss(head.name, loss);
    return loss;
  });
}

/** The tensors that a prediction of this head reads back, by name. */
export function predictionsOf(g: GraphContext, head: Head, scope: string, inputs: Named): Named {
  return g.scope(scope, () => {
    const built = head.build(g, inputs);
    return head.predict?.(g, { ...inputs, ...built }) ?? built;
  });
}
