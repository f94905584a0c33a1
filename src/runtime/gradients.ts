import { checkArguments } from '../base/arguments.ts';
import { defined, FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import type { Declaration, Declarations, Outputs, TypedGraph } from '../dsl/index.ts';
import { GraphBuilder } from '../ir/builder.ts';
import { irKind } from '../ir/graph.ts';
import { listed } from '../ir/names.ts';
import { ops } from '../ops/index.ts';
import { differentiate } from '../passes/index.ts';
import { inputsOf } from './nodes.ts';
import { parametersOf } from './parameters.ts';

const gradientsOptions = {
  /** the output that is differentiated, a scalar; default `loss` */
  loss: is.optional(is.text),
  /** inputs and parameters by their names; default: all parameters that are trained */
  of: is.optional(is.names),
};

/** Gradients by the names of inputs, whose types they have; what is not an input is a parameter. */
type GradientsOf<I extends Declarations, N extends string> = {
  readonly [K in N as `gradient/${K}`]: K extends keyof I ? I[K] : Declaration<'f32'>;
};

/** A graph with more outputs than those of its function. */
export interface WithGradients<I extends Declarations, O extends Outputs, N extends string>
  extends Omit<TypedGraph<I, O>, 'outputs'> {
  readonly outputs: TypedGraph<I, O>['outputs'] & GradientsOf<I, N>;
}

const modelKind = is.having('what graph() gives', 'ir', 'inputs', 'outputs');

/**
 * The model with the gradients of a scalar output beside its outputs, as `gradient/NAME`, so that passes keep them and a run gives them:
 *
 *     const withGradients = gradients(model, { of: ['x', 'hidden/weight'] });
 *     const { executable } = await compile(withGradients, { device });
 *     const { 'gradient/x': dx } = await executable.run(feeds);
 *
 * A gradient is a graph like any other: gradients of it can be asked for again. Where the loss does not depend on something, its gradient
 * is zero.
 * @throws FROND-S045 for a name that is neither an input nor a parameter, and for an output that there is not, FROND-P… as `differentiate`
 */
export function gradients<I extends Declarations, O extends Outputs, const N extends string = string>(
  model: TypedGraph<I, O>,
  options: { readonly loss?: keyof O & string; readonly of?: readonly N[] } = {},
): WithGradients<I, O, N> {
  checkArguments('gradients', { model: modelKind, options: gradientsOptions }, [model, options]);
  const { ir } = model;
  checkArguments('gradients', { 'model.ir': irKind }, [ir]);
  const inputs = new Map(inputsOf(ir).map(({ name, node }) => [name, node]));
  const parameters = new Map(parametersOf(ir).map(({ name, node }) => [name, node]));
  const trained = [...parameters].flatMap(([name, { attributes }]) =>
    attributes.trainable === false ? [] : [name],
  );
  const { loss = 'loss', of = trained } = options as is.OptionsOf<typeof gradientsOptions>;
  const asked = of.map((name) => {
    const node = inputs.get(name) ?? parameters.get(name);
    if (node !== undefined) return { name, node, type: defined(node.types[0], name) };
    throw new FrondError('FROND-S045', `gradients: ${name} is neither an input nor a parameter`, {
      hint: `there are: ${listed([...inputs.keys(), ...parameters.keys()])}`,
    });
  });
  if (!Object.hasOwn(ir.outputs, loss)) {
    throw new FrondError('FROND-S045', `gradients: graph ${ir.name} has no output ${loss}`, {
      hint: `its outputs are: ${listed(Object.keys(ir.outputs)) || 'none'}`,
    });
  }
  const { graph, gradients: found } = differentiate(ir, ops, { loss, wrt: asked.map(({ node }) => node.id) });
  const builder = new GraphBuilder(graph.name, ops, graph);
  const more = asked.map(({ name, node, type }) => {
    // what the loss does not depend on has none
    const ref = found[node.id] ?? builder.constant(0, type);
    return { name: `gradient/${name}`, ref, type };
  });
  const refs = Object.fromEntries(more.map(({ name, ref }) => [name, ref]));
  const types = Object.fromEntries(more.map(({ name, type }) => [name, type]));
  const finished = builder.finish();
  const outputs = { ...model.outputs, ...types };
  // for the compiler: types of outputs by names that it knows
  return {
    ...model,
    ir: { ...finished, outputs: { ...finished.outputs, ...refs } },
    outputs,
  } as unknown as WithGradients<I, O, N>;
}
