import { isOwned, type Placement, placeAxes } from '../../kernel/checkPlacement.ts';
import {
  dependenciesOf,
  type Flow,
  findInPlace,
  flowOf,
  isConstant,
  loopsOf,
  operandsOf,
  spansOf,
} from '../../kernel/flow.ts';
import type { Kernel, Region, Span, Statement, Store, Term, Value } from '../../kernel/ir.ts';

export type Load = Value & { readonly op: 'load' };
export type Dot = Value & { readonly op: 'dot' };

/** The spans along which neighbouring elements lie next to each other in memory. */
export const unitSpans = (terms: readonly Term[]): Span[] =>
  spansOf(terms.filter(({ stride }) => isConstant(stride, 1)));

/** What the printer decides from the kernel alone. */
export function analyse(kernel: Kernel) {
  const flow = flowOf(kernel);
  const { statements, live, values } = flow;
  const placement = placeAxes(statements);
  const { dimensionOf, streamable, spread } = placement;
  /** renames of one axis whose two names live on different thread dimensions: elements move between threads */
  const exchanged: ReadonlySet<Value> = new Set(
    values.filter(
      (value) =>
        value.op === 'rename' &&
        spread.has(value) &&
        !streamable.has(value) &&
        dimensionOf.get(value.from) !== dimensionOf.get(value.to),
    ),
  );
  const loops = loopsOf(statements);
  /** values that loop bounds and conditions are computed from */
  const controlling = new Set<Value>();
  const bounds = loops.flatMap(({ from, to, step }) => [from, to, step]);
  const conditions = statements.flatMap(({ conditions }) => conditions.map(({ condition }) => condition));
  for (const value of [...bounds, ...conditions]) dependenciesOf(value, loops, controlling);
  const { kept, demands } = findKept({ ...flow, placement, exchanged });
  const lastRead = (carried: Value): number =>
    Math.max(...(demands.get(carried) ?? []).map(({ order }) => order));
  return {
    ...flow,
    placement,
    exchanged,
    loops,
    controlling,
    dots: values.filter((value): value is Dot => value.op === 'dot'),
    /** loads and stores in program order */
    accesses: statements.flatMap(({ statement }): (Load | Store)[] => {
      if (statement.kind === 'store') return [statement];
      const value = statement.kind === 'let' ? statement.value : undefined;
      return value?.op === 'load' && live.has(value) ? [value] : [];
    }),
    kept,
    /** yielded tiles that may be written straight into the carried one */
    inPlace: findInPlace(
      flow,
      lastRead,
      (value) => value.op === 'dot' || value.op === 'reduce' || kept.has(value),
    ),
  };
}
export type Analysis = ReturnType<typeof analyse>;

const COSTLY = new Set<string>([
  'exp',
  'log',
  'log1p',
  'sin',
  'cos',
  'powr',
  'tanh',
  'erf',
  'erfcx',
  'sqrt',
  'rsqrt',
  'div',
  'rem',
]);

/** Rough operations per element when computed again; kept tiles and arithmetic on indices cost nothing. */
function weigh(values: readonly Value[]): ReadonlyMap<Value, number> {
  const weights = new Map<Value, number>();
  for (const value of values) {
    if (value.axes.length === 0 || isOwned(value)) continue;
    const fn = value.op === 'elementwise' ? value.fn : '';
    const isCostly = value.op === 'load' || value.op === 'random' || COSTLY.has(fn);
    const inner = operandsOf(value).reduce((sum, operand) => sum + (weights.get(operand) ?? 0), 0);
    weights.set(value, isCostly ? 100 : inner + (fn === '' ? 0 : 1));
  }
  return weights;
}

interface Facts extends Flow {
  readonly placement: Placement;
  readonly exchanged: ReadonlySet<Value>;
}

/** A place where a tile's elements are asked for: a statement that walks them, at `order` in program order. */
interface Demand {
  readonly order: number;
  readonly region: Region;
}

/** Operations per element that may be repeated rather than kept. */
const CHEAP = 2;

/**
 * Tiles that are computed where they stand and kept in private memory: those that would be computed more than once (unless that costs
 * next to nothing), that a loop carries on, or that another place would see with other contents. The others are computed where they
 * are used. `demands`: where the elements of a tile are asked for.
 */
function findKept(facts: Facts) {
  const { values, users, placement, exchanged, orderOf, endOf, regionOf } = facts;
  const kept = new Set<Value>();
  const demands = new Map<Value, readonly Demand[]>();
  /** from the demands for its users, which come later */
  const demandsOf = (value: Value): Demand[] =>
    (users.get(value) ?? []).flatMap((user): readonly Demand[] => {
      const here = { order: orderOf(user), region: regionOf(user) };
      if (user.kind === 'loop') {
        return [
          ...(user.initial.includes(value) ? [here] : []),
          ...(user.yields.includes(value) ? [{ order: endOf(user), region: user.body }] : []),
        ];
      }
      if (user.kind !== 'value') return [here];
      const isFactor = user.op === 'dot' && value !== user.accumulator;
      // evaluated where it is staged, from memory alone
      if (isFactor && placement.streamable.has(value)) return [];
      const walks = user.op === 'dot' || user.op === 'reduce' || kept.has(user) || exchanged.has(user);
      return walks ? [here] : (demands.get(user) ?? []);
    });
  const weights = weigh(values);
  for (const value of values.toReversed()) {
    if (value.axes.length === 0) continue;
    const found = demandsOf(value);
    demands.set(value, found);
    if (isOwned(value) || exchanged.has(value) || found.length === 0) continue;
    if (value.op === 'fill' || value.op === 'arange' || value.op === 'inside') continue;
    const several = new Set(found.map(({ order }) => order)).size > 1;
    const elsewhere = found.some(({ region }) => region !== value.region);
    const again = (weights.get(value) ?? 0) > CHEAP && (several || elsewhere);
    const yielded = users.get(value)?.some((user) => user.kind === 'loop' && user.yields.includes(value));
    if (again || yielded || isPinned(value, found, facts)) kept.add(value);
  }
  return { kept, demands };
}

/** Whether a load would see something else at its use than where it stands. */
function isPinned(value: Value, found: readonly Demand[], { statements, orderOf }: Facts): boolean {
  if (value.op !== 'load' || value.buffer.access === 'read') return false;
  const stores = (statement: Statement | undefined): statement is Store =>
    statement?.kind === 'store' && statement.buffer === value.buffer;
  return found.some(({ order, region }) => {
    const use = statements[order]?.statement;
    return (
      region !== value.region ||
      statements.slice(orderOf(value) + 1, Math.ceil(order)).some(({ statement }) => stores(statement)) ||
      (stores(use) && writesElsewhere(use, value))
    );
  });
}

/** Equal keys: every thread touches the same elements. */
export function addressKey(terms: readonly Term[]): string {
  const nameOf = (value: Value): string => (value.op === 'constant' ? `${value.value}` : `%${value.id}`);
  return terms
    .map(({ index, stride }) => {
      const at = index.kind === 'span' ? `${index.axis.order} ${nameOf(index.start)}` : nameOf(index);
      return `${at} ${nameOf(stride)}`;
    })
    .sort()
    .join();
}

/**
 * Whether a store that uses a load of its own buffer may hit elements that other threads have yet to load: unless both
 * address a tile of two axes in the same way, all loads come first.
 */
const writesElsewhere = ({ terms }: Store, load: Load): boolean =>
  load.axes.length < 2 ||
  addressKey(load.terms) !== addressKey(terms) ||
  terms.some(({ index }) => index.kind === 'value' && index.axes.length > 0);
