import { checkArguments } from '../base/arguments.ts';
import { placeIn, printShape } from '../base/dim.ts';
import { dtypes, elementRule, type HostData, numbersOf } from '../base/dtype.ts';
import * as is from '../base/kinds.ts';
import { callerPlace, errorAtCall } from '../base/source.ts';
import { GraphBuilder } from '../ir/builder.ts';
import type { Graph, Ref } from '../ir/graph.ts';
import type { Initializer } from '../ir/initializer.ts';
import { ops } from '../ops/index.ts';
import {
  checkDims,
  type GraphState,
  handleOf,
  isTensor,
  type ScopeOptions,
  shapeKind,
  typed,
  underConstruction,
  within,
  wrap,
} from './handle.ts';
import { declareParameter, initializerKind, type ParameterOptions, parameterOptions } from './parameter.ts';
import type { DType, Shape, Tensor } from './tensor.ts';
import type { Tensors } from './types/result.ts';

/** What a graph is fed with under one name. */
export interface Declaration<D extends DType = DType, S extends Shape = Shape> {
  readonly dtype: D;
  readonly shape: S;
}
export type Declarations = Readonly<Record<string, Declaration>>;
export type Outputs = Readonly<Record<string, Tensor>>;

/** Declares an input ahead, for the `inputs` option of `graph`, so that feeding is typed. */
export const declare = <D extends DType, const S extends Shape>(
  dtype: D,
  shape: S,
): Declaration<D, [...S]> => {
  checkArguments('declare', { dtype: is.oneOf(...dtypes), shape: shapeKind }, [dtype, shape]);
  // a component that takes any size says -1, which an input refuses
  checkDims('declare', shape, -1);
  return { dtype, shape: [...shape] };
};

/** A finished graph with what the compiler knows of its inputs and outputs. */
export interface TypedGraph<I extends Declarations = Declarations, O extends Outputs = Outputs> {
  readonly ir: Graph;
  readonly name: string;
  /** every fed tensor, by name; `random.key` among them when the graph draws random numbers */
  readonly inputs: I;
  /** every result, by name */
  readonly outputs: { readonly [K in keyof O]: Declaration<O[K]['dtype'], O[K]['shape']> };
  readonly training: boolean;
}

export interface GraphOptions<I extends Declarations> {
  /** dropout acts only in training graphs; false by default */
  readonly training?: boolean;
  /** inputs declared ahead; the function receives them as its second argument */
  readonly inputs?: I;
}

/** What the function of `graph` declares tensors with. */
export interface GraphContext {
  readonly training: boolean;
  /** A fed tensor. Its named dimensions are bound when a batch is fed, and checked then. */
  input<D extends DType, const S extends Shape>(name: string, dtype: D, shape: S): Tensor<D, [...S]>;
  /**
   * A tensor that training changes and checkpoints keep, called by the scope path and `name`. It is f32, as gradients and
   * moments are.
   */
  parameter<const S extends Shape>(
    name: string,
    dtype: 'f32',
    shape: S,
    initializer: Initializer,
    options?: ParameterOptions,
  ): Tensor<'f32', [...S]>;
  /** A scalar. */
  constant<D extends DType = 'f32'>(value: number | boolean, dtype?: D): Tensor<D, []>;
  /**
   * The elements of a tensor in row-major order, or one number for all of them.
   * @throws FROND-S010 for an element that the dtype does not hold, such as 1.7 or 3e9 for i32; FROND-S018 for a wrong number of them
   */
  constant<D extends DType, const S extends readonly number[]>(
    value: number | boolean | HostData,
    dtype: D,
    shape: S,
  ): Tensor<D, [...S]>;
  /** As the function `scope`, in this graph. */
  scope<R>(name: string, build: () => R, options?: ScopeOptions): R;
}

const declarationsKind = is.objectOf(
  is.having('a declaration', 'dtype', 'shape'),
  "an object of declarations, such as declare(f32, ['batch', 128])",
);
const GRAPH = {
  name: is.text,
  build: is.callable,
  options: { training: is.optional(is.flag), inputs: is.optional(declarationsKind) },
};

/**
 * Declares a static graph: `build` is called once and returns the named results.
 *
 *     const tagger = graph('tagger', (g) => {
 *       const tokens = g.input('tokens', i32, ['batch', 'time']);
 *       return { scores: linear(embedding(tokens, 5000, 128), 30) };
 *     });
 *
 * @throws FROND-S027 when `build` is asynchronous or returns nothing, other FROND-S… at the caller's line for whatever the compiler could not decide and the shapes do not allow
 */
export function graph<const I extends Declarations = Declarations, O extends Outputs = Outputs>(
  name: string,
  build: (g: GraphContext, inputs: Tensors<I>) => O,
  options: GraphOptions<I> = {},
): TypedGraph<I, O> {
  checkArguments('graph', GRAPH, [name, build, options]);
  const builder = new GraphBuilder(name, ops);
  const training = options.training ?? false;
  const state: GraphState = {
    builder,
    training,
    randomKey: undefined,
    finished: false,
    streams: new Set(),
    parameters: new Map(),
    reuse: false,
  };
  const g = contextOf(state);
  const outputs = underConstruction(state, () => {
    const declared = Object.entries(options.inputs ?? {}).map(
      ([key, { dtype, shape }]) => [key, g.input(key, dtype, shape)] as const,
    );
    return build(g, typed(Object.fromEntries(declared)));
  });
  requireResults(name, outputs);
  for (const [key, tensor] of Object.entries(outputs))
    builder.output(key, handleOf('graph', `output ${key}`, tensor).ref);
  const ir = builder.finish();
  const described = <R>(refs: readonly (readonly [string, Ref])[]): R =>
    typed(Object.fromEntries(refs.map(([key, ref]) => [key, builder.typeOf(ref)])));
  return {
    ir,
    name,
    inputs: described(ir.inputs.map((id) => [id, id])),
    outputs: described(Object.entries(ir.outputs)),
    training,
  };
}

/** @throws FROND-S027 for a function that gives nothing, or a promise: what it adds after its first await would be lost */
function requireResults(name: string, outputs: unknown): void {
  const refuse = (what: string, hint: string): never => {
    throw errorAtCall('FROND-S027', `graph ${name}: its function ${what}`, hint);
  };
  if (outputs instanceof Promise) {
    // what goes wrong in it later is not the caller's concern any more
    outputs.catch(() => undefined);
    refuse('is asynchronous', 'load what it needs before, and build at once');
  }
  const given = isTensor(outputs) ? 'a tensor' : outputs === null ? 'null' : typeof outputs;
  if (given !== 'object')
    refuse(`returns ${given}, not the named results`, 'return an object, such as { loss }');
}

const INPUT = { name: is.text, dtype: is.unchecked, shape: shapeKind };
const PARAMETER = { ...INPUT, initializer: initializerKind, options: parameterOptions };
const CONSTANT = { value: is.anything, dtype: is.unchecked, shape: shapeKind };

function contextOf(state: GraphState): GraphContext {
  const { builder } = state;
  return {
    training: state.training,
    input: (name, dtype, shape) => {
      checkArguments('g.input', INPUT, [name, dtype, shape]);
      builder.source = callerPlace();
      checkDims(`input ${name}`, shape);
      return wrap(state, builder.input(name, { dtype, shape: [...shape] }));
    },
    parameter: (name, dtype, shape, initializer, options = {}) => {
      checkArguments('g.parameter', PARAMETER, [name, dtype, shape, initializer, options]);
      return declareParameter(state, name, shape, initializer, { ...options, dtype });
    },
    constant: <R>(value: unknown, dtype: DType = 'f32', shape: readonly number[] = []): R => {
      checkArguments('g.constant', CONSTANT, [value, dtype, shape]);
      builder.source = callerPlace();
      builder.requireDType('constant', dtype);
      checkDims('constant', shape);
      return wrap(state, builder.constant(constantValue(value, dtype, shape), { dtype, shape: [...shape] }));
    },
    scope: (name, run, options = {}) => within(state, name, run, options),
  };
}

/** One number for all elements, or each of them, as numbers that `dtype` holds. */
function constantValue(value: unknown, dtype: DType, shape: readonly number[]): number | number[] {
  const isList = typeof value === 'object' && value !== null && 'length' in value;
  const list = isList ? (value as HostData) : [value as number];
  const elements = shape.reduce((x, y) => x * y, 1);
  if (isList && list.length !== elements)
    throw errorAtCall('FROND-S018', `constant: ${list.length} elements given for ${printShape(shape)}`);
  const numbers = numbersOf(dtype, list, (index, element) => {
    const at = isList ? `element ${printShape(placeIn(index, shape))} is ` : '';
    return errorAtCall('FROND-S010', `constant: ${at}${element}, ${dtype} takes ${elementRule(dtype)}`);
  });
  return isList ? Array.from(numbers) : Number(numbers[0]);
}
