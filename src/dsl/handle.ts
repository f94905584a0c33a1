import { checkArguments, show } from '../base/arguments.ts';
import { type Dim, isDim, NORMAL_HINT, normalDim, printShape, type Shape } from '../base/dim.ts';
import { type DType, elementRule, isFloating, numbersOf } from '../base/dtype.ts';
import { defined, type FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { callerPlace, errorAtCall } from '../base/source.ts';
import type { GraphBuilder } from '../ir/builder.ts';
import type { Attributes, Ref } from '../ir/graph.ts';
import { checkName, joinScope } from '../ir/names.ts';
import type { Tensor } from './tensor.ts';

/** What the tensors of one graph share while it is built. */
export interface GraphState {
  readonly builder: GraphBuilder;
  readonly training: boolean;
  /** the ref of the `random.key` input, once something needed it */
  randomKey: Ref | undefined;
  /** the function of the graph has returned */
  finished: boolean;
  /** streams of random numbers that are taken: each dropout draws from one of its own */
  readonly streams: Set<number>;
  /** what was declared, by full name */
  readonly parameters: Map<string, Ref>;
  /** declared parameters are given again: see `ScopeOptions` */
  reuse: boolean;
}

export const scopeOptions = {
  /**
   * true: the parameters that were declared under this path are given again, here and in the scopes inside, so that a layer is
   * applied several times with the same weights; their gradients add up. Initializers are those of the first time
   */
  reuse: is.optional(is.flag),
};
export type ScopeOptions = is.OptionsOf<typeof scopeOptions>;

// The graphs whose functions are running, innermost last. Building is synchronous, so this is no more than a call stack.
const building: GraphState[] = [];

/** Runs `build` with `state` as the graph under construction. */
export function underConstruction<R>(state: GraphState, build: () => R): R {
  building.push(state);
  try {
    return build();
  } finally {
    building.pop();
    state.finished = true;
  }
}

const CALL_INSIDE = 'call it inside the function that is given to graph()';

/**
 * Runs `build` with `name` appended to the scope path: parameters declared in it are called `PATH/name/…`, its nodes
 * are drawn as one box. Several levels may be given at once: `encoder/layer.0`.
 *
 *     const left = scope('encoder', () => encode(a));
 *     const right = scope('encoder', () => encode(b), { reuse: true }); // the same parameters
 *
 * @throws FROND-S022 where no graph is being built, S029 for a reused parameter that is not there or differs
 */
export function scope<R>(name: string, build: () => R, options: ScopeOptions = {}): R {
  return within(building.at(-1), name, build, options);
}

/** The same in a graph that is known. @throws FROND-S022 where none is being built */
export function within<R>(
  state: GraphState | undefined,
  name: string,
  build: () => R,
  options: ScopeOptions = {},
): R {
  checkArguments('scope', { name: is.text, build: is.callable, options: scopeOptions }, [
    name,
    build,
    options,
  ]);
  if (state === undefined)
    throw errorAtCall('FROND-S022', `scope ${name}: no graph is being built`, CALL_INSIDE);
  checkName(name, 'scope');
  const { builder } = state;
  const { scope: outer } = builder;
  const { reuse } = state;
  builder.scope = joinScope(outer, name);
  state.reuse = reuse || options.reuse === true;
  try {
    return build();
  } finally {
    builder.scope = outer;
    state.reuse = reuse;
  }
}

/** The one implementation of `Tensor`. */
class Handle {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly state: GraphState;
  readonly ref: Ref;

  constructor(state: GraphState, ref: Ref) {
    const { dtype, shape } = state.builder.typeOf(ref);
    this.dtype = dtype;
    this.shape = shape;
    this.state = state;
    this.ref = ref;
  }

  toString(): string {
    return `%${this.ref}: ${this.dtype}${printShape(this.shape)}`;
  }
}

export type { Handle };

/** Whether a value is a tensor of a graph under construction, or of one that was. */
export const isTensor = (value: unknown): value is Tensor => value instanceof Handle;

export const tensorKind = is.kind<Tensor>('a tensor', isTensor);
export const axisKind = { ...is.integer, what: 'an axis, such as 0, or -1 for the last one' };
export const shapeKind = is.listOf(is.anything, "sizes and names, such as ['batch', 128]");
export const contextKind = is.having('the g that graph() hands to its function', 'parameter', 'constant');
export const scoresKind = is.having(
  'an object with transitions, start and stop',
  'transitions',
  'start',
  'stop',
);

/**
 * A dimension is a natural number, a name, or an expression over names in normal form; `or` may stand in the place of one.
 * @throws FROND-S023 for anything else
 */
export function checkDims(what: string, shape: readonly Dim[], or?: number): void {
  for (const dim of shape) {
    if (or !== undefined && dim === or) continue;
    if (isDim(dim)) {
      const normal = normalDim(dim);
      if (normal === dim) continue;
      throw errorAtCall('FROND-S023', `${what}: ${dim} is written ${normal}`, NORMAL_HINT);
    }
    throw errorAtCall(
      'FROND-S023',
      `${what}: ${show(dim)} is not a dimension`,
      'a dimension is a whole number, a name such as batch, or an expression such as time+1',
    );
  }
}

/** @throws FROND-S020 when `value` is no tensor */
export function handleOf(op: string, what: string, value: unknown): Handle {
  if (value instanceof Handle) return value;
  throw errorAtCall(
    'FROND-S020',
    `${op}: ${what} is ${describe(value)}, not a tensor`,
    'tensors come from g.input, g.parameter, g.constant and from operations on them',
  );
}

const describe = (value: unknown): string =>
  value === null || value === undefined
    ? String(value)
    : typeof value === 'object'
      ? 'an object'
      : `a ${typeof value}`;

type Argument = readonly [name: string, value: unknown];

/**
 * Numbers stand first, ids second: the other way round the dtypes alone would say that a cast is wanting.
 * @throws FROND-S010
 */
export function refuseSwapped(op: string, [first, x]: Argument, [second, y]: Argument): void {
  if (!isTensor(x) || !isTensor(y) || isFloating(x.dtype) || !isFloating(y.dtype)) return;
  throw errorAtCall(
    'FROND-S010',
    `${op}: ${first} are ${x.dtype}, ${second} are ${y.dtype}`,
    `the arguments are swapped: ${op}(${first}, ${second})`,
  );
}

/** Tensors are typed by the signatures of the operations; here the compiler is told that the graph agrees. */
export const typed = <R>(tensors: unknown): R => tensors as R;
export const wrap = <R>(state: GraphState, ref: Ref): R => typed(new Handle(state, ref));

/**
 * Adds a node and gives its first output. A plain number among the operands becomes a constant of the element type of the
 * tensor before it. The caller's signature states the type R of the result.
 * @throws FROND-S021 when operands come from two graphs, FROND-S022 when their graph is finished
 */
export function emit<R>(op: string, operands: readonly unknown[], attributes: Attributes = {}): R {
  return typed(defined(emitAll(op, operands, attributes)[0], `output of ${op}`));
}

/** The same with all of the node's outputs. */
export function emitAll(op: string, operands: readonly unknown[], attributes: Attributes): Tensor[] {
  const tensors = operands.filter((operand) => operand instanceof Handle);
  const { state } = tensors[0] ?? handleOf(op, 'operand 1', operands[0]);
  if (tensors.some((tensor) => tensor.state !== state)) {
    throw errorAtCall(
      'FROND-S021',
      `${op}: operands come from two graphs`,
      'a tensor belongs to the graph in whose function it was made',
    );
  }
  if (state.finished) {
    throw errorAtCall('FROND-S022', `${op}: the graph of its operands is finished`, CALL_INSIDE);
  }
  state.builder.source = callerPlace();
  const refs = operands.map((operand, i) => {
    if (typeof operand !== 'number') return handleOf(op, `operand ${i + 1}`, operand).ref;
    if (i === 0) throw numberFirst(op, operand);
    return numberLike(op, state, operand, handleOf(op, `operand ${i}`, operands[i - 1]).dtype);
  });
  return state.builder.op(op, refs, attributes).map((ref) => wrap<Tensor>(state, ref));
}

const numberFirst = (op: string, value: number): FrondError =>
  errorAtCall(
    'FROND-S020',
    `${op}: operand 1 is a number, not a tensor`,
    op === 'sub'
      ? `a number stands second: add(neg(x), ${value})`
      : `a number stands second; in the first place write g.constant(${value})`,
  );

/** A number takes its element type from the tensor before it. */
function numberLike(op: string, { builder }: GraphState, value: number, dtype: DType): Ref {
  numbersOf(dtype, [value], (_, element) =>
    errorAtCall(
      'FROND-S010',
      `${op}: operands are ${dtype} and ${element}`,
      `a number beside a tensor of ${dtype} is one of ${elementRule(dtype)}`,
    ),
  );
  return builder.constant(value, { dtype, shape: [] });
}
