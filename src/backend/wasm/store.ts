import { defined } from '../../base/errors.ts';
import { spansOf } from '../../kernel/flow.ts';
import type { Store, Value } from '../../kernel/ir.ts';
import { spanOver } from './analysis.ts';
import type { Body, Integer, Statement, Vector } from './code.ts';
import { set, when } from './control.ts';
import { vectorCast } from './elementwise.ts';
import { f32, f32x4, i32, i32x4, v128 } from './instructions.ts';
import { type Cell, endAt } from './loops.ts';
import { elementBytes, type Lowering } from './lowering.ts';
import { accessOf, Nest } from './nest.ts';
import { keepIn, toHalf } from './vectors.ts';
import { vectorsAtOnce } from './write.ts';

/**
 * Writes a tile or a scalar to a buffer; what lies beyond a span's limit is not written. Joint stores are written when
 * its last one is reached.
 */
export function writeStores(at: Lowering, store: Store): Statement[] {
  if (store.value.axes.length === 0) return at.fn.scoped(() => storeScalar(at, store));
  const stores = at.analysis.together(store);
  return stores.at(-1) === store ? at.fn.scoped(() => storeNest(at, stores)) : [];
}

function storeScalar(at: Lowering, { buffer, terms, value }: Store): Statement[] {
  const address = at.elementAddress(buffer, terms);
  const code = at.scalar(value);
  if (code.result === 'i32') return [i32.store(address, code)];
  if (buffer.dtype !== 'f16') return [f32.store(address, code)];
  const statements: Statement[] = [];
  const bits = toHalf(keepIn(at.fn, statements), f32x4.splat(code));
  return [...statements, i32.store16(address, i32x4.lane(bits, 0))];
}

function storeNest(at: Lowering, stores: readonly Store[]): Statement[] {
  const { value, terms } = defined(stores[0], 'store');
  const [first, second] = value.axes;
  const lane = defined(second ?? first, 'axis of a store');
  const row = second && first;
  const nest = new Nest(at, row, lane, {
    of: stores.flatMap((store) => [store.value, ...indexTiles(store.terms)]),
    spans: stores.flatMap((store) => spansOf(store.terms)),
    // what lies past the end of a span need not be computed
    rows: endAt(spanOver(terms, row), 1),
    lanes: endAt(spanOver(terms, lane), 1),
  });
  const atOnce = Math.min(...stores.map((store) => vectorsAtOnce(at, store.value, lane)));
  nest.each(atOnce, (cell) => {
    const evaluated = stores.map((store) => [store, nest.evaluate(store.value, cell)] as const);
    for (const [store, element] of evaluated) storeVector(nest, store, cell, element);
  });
  return nest.close();
}

const indexTiles = (terms: Store['terms']): Value[] =>
  terms.flatMap(({ index }) => (index.kind === 'value' && index.axes.length > 0 ? [index] : []));

function storeVector(nest: Nest, store: Store, cell: Cell, evaluated: Vector): void {
  const { at } = nest;
  const { buffer, value: of } = store;
  const element = of.dtype === 'bool' ? vectorCast(at.fn, 'bool', 'u32', evaluated) : evaluated;
  const isHalf = buffer.dtype === 'f16';
  const key = `store ${buffer.name}`;
  const access = accessOf(nest, key, store, cell);
  const value = nest.once(2, `value ${key} ${cell.vector}`, 'value', () =>
    isHalf ? toHalf(nest.scopeAt(2), element) : element,
  );
  const guarded = (statements: Body): void => {
    const condition = access.rowInside();
    for (const statement of condition ? [when(condition, statements)] : statements) nest.push(2, statement);
  };
  const lanes = (address: (lane: number) => Integer, offset: number, bytes: number): Statement[] =>
    [0, 1, 2, 3].map((lane) => {
      const [to, distance] = [address(lane), offset + lane * bytes];
      const one = isHalf
        ? i32.store16(to, i32x4.lane(value, lane), distance)
        : v128.storeLane(to, value, lane, distance);
      const condition = access.laneInside(lane);
      return condition ? when(condition, [one]) : one;
    });
  if (access.lanes === 'scattered') {
    const addresses = at.fn.local('v128', 'addresses');
    nest.push(2, set(addresses, access.addresses()));
    guarded(lanes((lane) => i32x4.lane(addresses, lane), 0, 0));
    return;
  }
  const [start, offset] = access.start();
  const address = at.fn.local('i32', 'to');
  nest.push(2, set(address, start));
  const whole = isHalf
    ? v128.storeLow(address, i32x4.narrow(value, value), offset)
    : v128.store(address, value, offset);
  const last = access.laneInside(3);
  const single = () => lanes(() => address, offset, elementBytes(buffer));
  guarded([last ? when(last, [whole], single()) : whole]);
}
