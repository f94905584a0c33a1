import { type Dim, product, times } from '../base/dim.ts';
import { defined } from '../base/errors.ts';
import type * as is from '../base/kinds.ts';
import type { Attributes, Ref, TensorType } from '../ir/graph.ts';
import { arityOf, type ByName, byName, type Name, type OptionalName, readName } from '../ir/operands.ts';
import type { Build, Demand, IndexBounds, LaunchPlan, LowerContext, OpRecord, Slot } from '../ir/record.ts';
import { bytesOf, checkAttributes, refuse } from './rules.ts';

type Names = readonly string[];

/** Operands and results of a node, by name. */
type Both<O extends Names, R extends Names, T> = ByName<O[number] | R[number], T>;

/** What a gradient rule receives: operands, results and, called `dout` for a result `out`, the gradient that arrives at the first. */
type Gradients<O extends Names, R extends Names> = Both<O, R, Ref> & { readonly [K in `d${R[0]}`]: Ref } & {
  /** which operands need a gradient; rules may skip the others */
  readonly needs: ByName<O[number], boolean>;
};

/**
 * An op, its operands by name. Names as in `ir/operands.ts`: `x`, `bias?`, `...others`. Rules receive attributes of the kinds that
 * `attributes` states; other nodes are refused.
 */
export interface Definition<O extends Names, R extends Names, K extends is.Kinds>
  extends Rules<O, R, is.OptionsOf<K>>,
    Omit<OpRecord, keyof Rules<O, R, unknown> | 'attributes' | 'arity' | 'cost' | Elementwise> {
  readonly attributes: K;
}

/** What element-wise ops state beside, in `elementwiseOps.ts`. */
type Elementwise = 'emit' | 'whole' | 'scalars';

export interface Rules<O extends Names, R extends Names, A> {
  /** 'kernel' where it is left out */
  readonly kind?: OpRecord['kind'];
  readonly operands: O;
  /** 'out' where they are left out */
  readonly results?: R;
  /** Whether an optional operand or result is there. Without a word of it, the first of them are. */
  readonly given?: { readonly [N in OptionalName<O[number] | R[number]>]?: (attributes: A) => boolean };
  /** What the results behind the first are, where they are kept for the op's own gradient and have none themselves. */
  readonly saved?: string;
  shape(operands: ByName<O[number], TensorType>, attributes: A): readonly TensorType[];
  /** Gradients of the operands, in order; undefined, or left out at the end, for those that have none. */
  readonly vjp?:
    | ((b: Build, refs: Gradients<O, R>, attributes: A) => readonly (Ref | undefined)[])
    | undefined;
  expand?(b: Build, operands: ByName<O[number], Ref>, attributes: A): readonly Ref[];
  lower?(
    types: Both<O, R, TensorType>,
    context: { readonly slots: Both<O, R, Slot>; readonly attributes: A } & Pick<LowerContext, 'schedules'>,
  ): readonly LaunchPlan[];
  /** Floating-point operations: so many per element of the first result, or in all. Left out: no cost is known. */
  readonly flops?: number | ((types: Both<O, R, TensorType>, attributes: A) => Dim);
  demands?(types: Both<O, R, TensorType>, attributes: A): readonly Demand[];
  /** Bounds of operands that index something; `lengths` names the operand with the lengths of their rows. */
  indices?(
    types: Both<O, R, TensorType>,
    attributes: A,
  ): Readonly<Record<string, IndexBounds & { readonly lengths?: string }>>;
  within?(types: Both<O, R, TensorType>, attributes: A): IndexBounds;
}

const perElement = ([first]: readonly TensorType[], flops: number): Dim =>
  flops === 0 ? 0 : times(product(first?.shape ?? []), flops);

/** The record of an op, whose rules take lists: passes, checker and printers see no names. */
export function defineOp<const O extends Names, K extends is.Kinds, const R extends Names = readonly ['out']>(
  definition: Definition<O, R, K>,
): OpRecord {
  type A = is.OptionsOf<K>;
  const { results = ['out'], given, attributes: kinds, ...stated } = definition;
  const { name, kind = 'kernel', operands, ...rules } = stated;
  const { saved, shape, vjp, expand, lower, flops, demands, indices, within, ...facts } = rules;
  const operandNames = operands.map(readName);
  const resultNames = results.map(readName);
  const [least, most] = arityOf(operandNames);
  const present: { readonly [option: string]: ((attributes: A) => boolean) | undefined } = given ?? {};
  const bind = <T>(
    names: readonly Name[],
    values: readonly T[],
    attributes: Attributes,
    beside?: Record<string, T | undefined | readonly T[]>,
  ) => byName(name, names, values, given && ((option) => present[option]?.(attributes as A)), beside);
  // here names and attributes that are checked as a rule runs become those that the compiler knows
  const operandsOf = <T>(values: readonly T[], attributes: Attributes) =>
    bind(operandNames, values, attributes) as ByName<O[number], T>;
  const bothOf = <T>(inputs: readonly T[], outputs: readonly T[], attributes: Attributes) =>
    bind(resultNames, outputs, attributes, bind(operandNames, inputs, attributes)) as Both<O, R, T>;
  /** A rule that takes the types of operands and results. */
  const typed =
    <T>(rule: (types: Both<O, R, TensorType>, attributes: A) => T) =>
    ({ inputs, outputs, attributes }: LowerContext): T =>
      rule(bothOf(inputs, outputs, attributes), attributes as A);
  return {
    ...facts,
    name,
    kind,
    operands: operandNames,
    arity: least === most ? least : [least, most],
    attributes: kinds,
    shape(inputs, attributes) {
      checkAttributes(name, kinds, attributes);
      return shape(operandsOf(inputs, attributes), attributes as A);
    },
    ...(vjp && {
      vjp(b, { inputs, outputs, gradients: [first, ...others], attributes, needs }) {
        if (saved !== undefined) refuse(name, saved, others);
        const refs = {
          ...bothOf(inputs, outputs, attributes),
          [`d${results[0]}`]: defined(first, `gradient that arrives at ${name}`),
          needs: operandsOf(needs, attributes),
        };
        return vjp(b, refs as unknown as Gradients<O, R>, attributes as A);
      },
    }),
    ...(expand && {
      expand: (b, { inputs, attributes }) => expand(b, operandsOf(inputs, attributes), attributes as A),
    }),
    ...(lower && {
      lower({ inputs, outputs, attributes, schedules }) {
        const slots = bothOf<Slot>(
          inputs.map((_, index) => ({ kind: 'input', index })),
          outputs.map((_, index) => ({ kind: 'output', index })),
          attributes,
        );
        const types = bothOf(inputs, outputs, attributes);
        return lower(types, { slots, attributes: attributes as A, schedules });
      },
    }),
    ...(flops !== undefined && {
      cost: (context) => ({
        flops: typeof flops === 'number' ? perElement(context.outputs, flops) : typed(flops)(context),
        bytes: bytesOf(context),
      }),
    }),
    ...(demands && { demands: typed(demands) }),
    ...(indices && {
      indices(context) {
        const places = bind(operandNames, [...context.inputs.keys()], context.attributes);
        return Object.entries(typed(indices)(context)).map(([operand, { lengths, ...bounds }]) => ({
          ...bounds,
          input: places[operand] as number,
          ...(lengths !== undefined && { lengths: places[lengths] as number }),
        }));
      },
    }),
    ...(within && { within: typed(within) }),
  };
}
