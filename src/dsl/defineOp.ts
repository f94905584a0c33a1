import { checkArguments } from '../base/arguments.ts';
import { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { mapValues } from '../base/own.ts';
import { errorAtCall } from '../base/source.ts';
import type { TensorType } from '../ir/graph.ts';
import { checkName } from '../ir/names.ts';
import type { ByName } from '../ir/operands.ts';
import type { KernelBuilder } from '../kernel/build.ts';
import type { Value } from '../kernel/ir.ts';
import { type Definition, type Rules, defineOp as recordOf } from '../ops/define.ts';
import { defineElementwise } from '../ops/elementwiseOps.ts';
import { addOp } from '../ops/index.ts';
import { broadcastShapes, expectFloat, expectSame } from '../ops/rules.ts';
import { emitAll } from './handle.ts';
import type { Tensor } from './tensor.ts';

/** What an attribute is where a call does not say; what a call says is of the same kind. */
type Default = number | boolean | string | readonly number[];
type Defaults = Readonly<Record<string, Default>>;
type Widened<T> = T extends number
  ? number
  : T extends boolean
    ? boolean
    : T extends string
      ? string
      : readonly number[];
type AttributesOf<D> = { readonly [N in keyof D]: Widened<D[N]> };
type Names = readonly string[];

/** An op of one's own. Rules receive operands and results by name; see docs/own-ops.md. */
export interface OwnOp<O extends Names, R extends Names, D extends Defaults, S extends string>
  extends Pick<Rules<O, R, AttributesOf<D>>, 'vjp' | 'lower' | 'flops'> {
  /** what it is called in graphs, in checkpoints and in errors: one op has one name in a program */
  readonly name: string;
  /** one line */
  readonly doc?: string;
  readonly operands: O;
  /** default `out` */
  readonly results?: R;
  /** what the results behind the first are, where they are kept for the gradient and callers do not get them */
  readonly saved?: S;
  /** attributes with their defaults */
  readonly attributes?: D;
  /**
   * Types of the results; what it throws is told with the caller's line. May be left out where `emit` is given: then operands are floats
   * that broadcast as in NumPy.
   */
  shape?(
    operands: ByName<O[number], TensorType>,
    attributes: AttributesOf<D>,
  ): TensorType | readonly TensorType[];
  /** The op as a function of one element of each operand: it fuses with its neighbours and needs no kernel. */
  emit?(k: KernelBuilder, values: ByName<O[number], Value>, attributes: AttributesOf<D>): Value;
}

type Results<R extends Names, S> = R['length'] extends 1
  ? Tensor
  : [S] extends [never]
    ? { readonly [I in keyof R]: Tensor }
    : Tensor;
type OwnFunction<O extends Names, R extends Names, D, S> = (
  ...given: [...operands: { [I in keyof O]: Tensor }, attributes?: Partial<AttributesOf<D>>]
) => Results<R, S>;

const some = is.kind<Names>(
  'a list of at least one name',
  (value) => is.names.holds(value) && value.length > 0,
);
const numbers = is.listOf(is.finite, 'numbers');
const isDefault = is.either(is.either(is.finite, is.flag), is.either(is.text, numbers));

const ownOpFields = {
  name: is.name,
  doc: is.optional(is.text),
  operands: some,
  results: is.optional(some),
  saved: is.optional(is.text),
  attributes: is.optional(is.objectOf(isDefault, 'an object of defaults, such as { epsilon: 1e-6 }')),
  shape: is.optional(is.callable),
  lower: is.optional(is.callable),
  emit: is.optional(is.callable),
  vjp: is.optional(is.callable),
  flops: is.optional(is.either(is.notNegative, is.callable)),
};

/**
 * Makes a function for models of an op of one's own, which is known from then on wherever frond meets its name: to `compile`,
 * `differentiate`, passes, checkpoints. The function takes the operands in order, then attributes. Its type may be said more closely than
 * tensors in, tensor out:
 *
 *     const softsign: <S extends Shape>(x: Tensor<'f32', S>) => Tensor<'f32', S> = defineOp({
 *       name: 'softsign',
 *       operands: ['x'],
 *       emit: (k, { x }) => k.div(x, k.add(k.map('abs', x), 1)),
 *       vjp(b, { x, dout }) {
 *         const whole = b.add(b.one('abs', [x]), 1);
 *         return [b.div(dout, b.mul(whole, whole))];
 *       },
 *     });
 *
 * @throws FROND-S030 for a name that another op has, and for an op with neither `emit` nor `shape` and `lower`
 */
export function defineOp<
  const O extends Names,
  const D extends Defaults = Readonly<Record<never, never>>,
  const R extends Names = readonly ['out'],
  S extends string = never,
  F extends (...given: never[]) => unknown = OwnFunction<O, R, D, S>,
>(definition: OwnOp<O, R, D, S>): F {
  checkArguments('defineOp', { definition: ownOpFields }, [definition], 'FROND-S030');
  const { name, doc = '', operands, attributes: defaults = {}, ...rules } = definition;
  const results = (rules.results ?? ['out']) as Names as R;
  checkName(name, 'op');
  const odd = [...operands, ...results].find((one) => !/^[A-Za-z]\w*$/.test(one));
  if (odd !== undefined)
    throw errorAtCall(
      'FROND-S030',
      `op ${name}: an operand or result cannot be called ${odd}`,
      'letters, digits and _',
    );
  const { shape, emit, lower, vjp, flops, saved } = rules;
  const attributes = mapValues(defaults, (value) => ({ ...kindOf(value), optional: true as const }));
  const whole = (given: Partial<AttributesOf<D>>) => ({ ...defaults, ...given }) as AttributesOf<D>;
  const types: NonNullable<typeof shape> | undefined = shape ?? (emit && broadcast(name));
  if (types === undefined || (emit ?? lower) === undefined) {
    throw errorAtCall(
      'FROND-S030',
      `op ${name} has no ${types ? 'kernels' : 'shape'}`,
      'give emit, or shape and lower',
    );
  }
  type A = Partial<AttributesOf<D>>;
  const record: Definition<O, R, is.Kinds> = {
    name,
    doc,
    operands,
    results,
    attributes,
    ...(saved !== undefined && { saved }),
    ...(flops !== undefined && {
      flops: typeof flops === 'number' ? flops : (given, some) => flops(given, whole(some as A)),
    }),
    shape: (given, some) => refusing(name, () => [types(given, whole(some as A))].flat()),
    ...(vjp && { vjp: (b, refs, some) => vjp(b, refs, whole(some as A)) }),
    ...(lower && {
      lower: (given, context) => lower(given, { ...context, attributes: whole(context.attributes as A) }),
    }),
  };
  addOp(name, (edition) =>
    emit
      ? defineElementwise<O, is.Kinds, R>({
          ...record,
          edition,
          emit: (k, values, some) => emit(k, values, whole(some as A)),
        })
      : recordOf<O, is.Kinds, R>({ ...record, edition }),
  );
  const single = results.length === 1 || rules.saved !== undefined;
  const call = (...given: readonly unknown[]): unknown => {
    const last = given.length > operands.length ? given.at(-1) : {};
    const outputs = emitAll(name, given.slice(0, operands.length), whole(last as Partial<AttributesOf<D>>));
    return single ? outputs[0] : outputs;
  };
  return call as unknown as F;
}

function kindOf(value: Default): is.Kind {
  if (typeof value === 'number') return is.finite;
  if (typeof value === 'boolean') return is.flag;
  return typeof value === 'string' ? is.text : numbers;
}

/** Floats of one type that broadcast, as operands of element-wise ops are by default. */
const broadcast =
  (op: string) =>
  (operands: Readonly<Record<string, unknown>>): TensorType => {
    const [first, ...others] = Object.values(operands) as [TensorType, ...TensorType[]];
    expectFloat(op, first);
    return others.reduce((x, y) => {
      expectSame(op, x, y);
      return { dtype: x.dtype, shape: broadcastShapes(op, x.shape, y.shape) };
    }, first);
  };

/** What a rule of somebody's own throws, as a refusal of the call. @throws FROND-S031 */
function refusing<T>(op: string, rule: () => T): T {
  try {
    return rule();
  } catch (error) {
    if (error instanceof FrondError || !(error instanceof Error)) throw error;
    throw new FrondError('FROND-S031', `${op}: ${error.message}`, { cause: error });
  }
}
