import { type Dim, product, times } from '../base/dim.ts';
import { defined } from '../base/errors.ts';
import type { Attributes, Ref, TensorType } from '../ir/graph.ts';
import { arityOf, type ByName, byName, type OptionalName, readName } from '../ir/operands.ts';
import type { Build, Demand, IndexBounds, LaunchPlan, LowerContext, OpRecord, Slot } from '../ir/record.ts';
import { bytesOf, refuse } from './rules.ts';

type Names = readonly string[];

/** Operands and results of a node, by name. */
type Both<O extends Names, R extends Names, T> = ByName<O[number] | R[number], T>;

/** What a gradient rule receives: operands, results and, called `dout` for a result `out`, the gradient that arrives at the first. */
type Gradients<O extends Names, R extends Names> = Both<O, R, Ref> & { readonly [K in `d${R[0]}`]: Ref } & {
  /** which operands need a gradient; rules may skip the others */
  readonly needs: ByName<O[number], boolean>;
};

interface Lowering<O extends Names, R extends Names> extends Pick<LowerContext, 'attributes' | 'schedules'> {
  readonly slots: Both<O, R, Slot>;
}

/** Facts about the op as a whole, which the record states in the same words. */
type Facts = Pick<
  OpRecord,
  | 'name'
  | 'doc'
  | 'attributes'
  | 'neutral'
  | 'involution'
  | 'idle'
  | 'compose'
  | 'permutation'
  | 'stretches'
  | 'swapLast'
  | 'epilogueOperands'
  | 'sumsColumns'
  | 'report'
>;

/** An op, its operands by name. Names as in `ir/operands.ts`: `x`, `bias?`, `...others`. */
export interface Definition<O extends Names, R extends Names> extends Facts {
  /** 'kernel' where it is left out */
  readonly kind?: OpRecord['kind'];
  readonly operands: O;
  /** 'out' where they are left out */
  readonly results?: R;
  /** Whether an optional operand or result is there. Without a word of it, the first of them are. */
  readonly given?: {
    readonly [K in OptionalName<O[number] | R[number]>]?: (attributes: Attributes) => boolean;
  };
  /** What the results behind the first are, where they are kept for the op's own gradient and have none themselves. */
  readonly saved?: string;
  shape(operands: ByName<O[number], TensorType>, attributes: Attributes): readonly TensorType[];
  /** Gradients of the operands, in order; undefined, or left out at the end, for those that have none. */
  vjp?(b: Build, refs: Gradients<O, R>, attributes: Attributes): readonly (Ref | undefined)[];
  expand?(b: Build, operands: ByName<O[number], Ref>, attributes: Attributes): readonly Ref[];
  lower?(types: Both<O, R, TensorType>, context: Lowering<O, R>): readonly LaunchPlan[];
  /** Floating-point operations: so many per element of the first result, or in all. Left out: no cost is known. */
  readonly flops?: number | ((types: Both<O, R, TensorType>, attributes: Attributes) => Dim);
  demands?(types: Both<O, R, TensorType>, attributes: Attributes): readonly Demand[];
  /** Bounds of operands that index something; `lengths` names the operand with the lengths of their rows. */
  indices?(
    types: Both<O, R, TensorType>,
    attributes: Attributes,
  ): Readonly<Record<string, IndexBounds & { readonly lengths?: string }>>;
  within?(types: Both<O, R, TensorType>, attributes: Attributes): IndexBounds;
}

const perElement = ([first]: readonly TensorType[], flops: number): Dim =>
  flops === 0 ? 0 : times(product(first?.shape ?? []), flops);

/** The record of an op, whose rules take lists: passes, checker and printers see no names. */
export function defineOp<const O extends Names, const R extends Names = readonly ['out']>(
  definition: Definition<O, R>,
): OpRecord {
  const {
    name,
    kind = 'kernel',
    operands,
    results = ['out'],
    given = {},
    saved,
    flops,
    ...rest
  } = definition;
  const { shape, vjp, expand, lower, demands, indices, within, ...facts } = rest;
  const names = { operands: operands.map(readName), results: results.map(readName) };
  const [least, most] = arityOf(names.operands);
  const isGiven = (attributes: Attributes) => (option: string) =>
    (given as Record<string, ((attributes: Attributes) => boolean) | undefined>)[option]?.(attributes);
  const named = <T>(side: keyof typeof names, values: readonly T[], attributes: Attributes) =>
    byName(name, names[side], values, isGiven(attributes));
  // the one place where names that are checked when a rule runs become names that the compiler knows
  const operandsOf = <T>(values: readonly T[], attributes: Attributes) =>
    named('operands', values, attributes) as ByName<O[number], T>;
  const bothOf = <T>(inputs: readonly T[], outputs: readonly T[], attributes: Attributes) =>
    ({ ...named('operands', inputs, attributes), ...named('results', outputs, attributes) }) as Both<O, R, T>;
  const typesOf = ({ inputs, outputs, attributes }: LowerContext) => bothOf(inputs, outputs, attributes);
  return {
    ...facts,
    name,
    kind,
    operands: names.operands,
    arity: least === most ? least : [least, most],
    shape: (inputs, attributes) => shape(operandsOf(inputs, attributes), attributes),
    ...(vjp && {
      vjp(b, { inputs, outputs, gradients: [first, ...others], attributes, needs }) {
        if (saved !== undefined) refuse(name, saved, others);
        const arriving = defined(first, `gradient that arrives at ${name}`);
        const more = { [`d${results[0]}`]: arriving, needs: operandsOf(needs, attributes) };
        return vjp(b, { ...bothOf(inputs, outputs, attributes), ...more } as Gradients<O, R>, attributes);
      },
    }),
    ...(expand && {
      expand: (b, { inputs, attributes }) => expand(b, operandsOf(inputs, attributes), attributes),
    }),
    ...(lower && {
      lower(context) {
        const { inputs, outputs, attributes, schedules } = context;
        const slots = bothOf<Slot>(
          inputs.map((_, index) => ({ kind: 'input', index })),
          outputs.map((_, index) => ({ kind: 'output', index })),
          attributes,
        );
        return lower(typesOf(context), { slots, attributes, schedules });
      },
    }),
    ...(flops !== undefined && {
      cost(context) {
        const { outputs, attributes } = context;
        const count =
          typeof flops === 'number' ? perElement(outputs, flops) : flops(typesOf(context), attributes);
        return { flops: count, bytes: bytesOf(context) };
      },
    }),
    ...(demands && { demands: (context) => demands(typesOf(context), context.attributes) }),
    ...(indices && {
      indices(context) {
        const places = named('operands', [...context.inputs.keys()], context.attributes);
        return Object.entries(indices(typesOf(context), context.attributes)).map(
          ([operand, { lengths, ...bounds }]) => ({
            ...bounds,
            input: places[operand] as number,
            ...(lengths !== undefined && { lengths: places[lengths] as number }),
          }),
        );
      },
    }),
    ...(within && { within: (context) => within(typesOf(context), context.attributes) }),
  };
}
