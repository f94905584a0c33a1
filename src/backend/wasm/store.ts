import { defined } from '../../base/errors.ts';
import type { Axis, Store } from '../../kernel/ir.ts';
import {
  type Access,
  describeAccess,
  laneAddress,
  laneAddresses,
  laneCondition,
  rowAddress,
  rowCondition,
  spansOfTerms,
} from './access.ts';
import { type Code, type Statement, set, when } from './code.ts';
import { vectorCast } from './elementwise.ts';
import { f32, f32x4, i32, i32x4, v128 } from './instructions.ts';
import { type Cell, type Cut, type End, type Roles, rolesOf } from './loops.ts';
import { elementAddress, elementBytes, type Lowering, scalar } from './lowering.ts';
import { Nest } from './nest.ts';
import { keepIn, toHalf } from './vectors.ts';
import { cutsOf, vectorsAtOnce } from './write.ts';

/**
 * Writes a tile or a scalar to a buffer; what lies beyond a span's limit is not written. Stores of a group are written when
 * its last one is reached.
 */
export function writeStores(at: Lowering, store: Store): Statement[] {
  if (store.value.axes.length === 0) return at.fn.scoped(() => storeScalar(at, store));
  const group = at.analysis.together(store);
  return group.at(-1) === store ? at.fn.scoped(() => storeNest(at, group)) : [];
}

function storeScalar(at: Lowering, { buffer, terms, value }: Store): Statement[] {
  const address = elementAddress(at, buffer, terms);
  const code = scalar(at, value);
  if (code.result === 'i32') return [i32.store(address, code)];
  if (buffer.dtype !== 'f16') return [f32.store(address, code)];
  const statements: Statement[] = [];
  const bits = toHalf(keepIn(at.fn, statements), f32x4.splat(code));
  return [...statements, i32.store16(address, i32x4.lane(bits, 0))];
}

function storeNest(at: Lowering, group: readonly Store[]): Statement[] {
  const { value, terms } = defined(group[0], 'store');
  const [first, second] = value.axes;
  const lane = defined(second ?? first, 'axis of a store');
  const row = second && first;
  const roles = rolesOf(row, lane);
  const nest = new Nest(at, row, lane, {
    cuts: group.flatMap((store) => cutsOfStore(at, store, roles)),
    rows: endOver(terms, row),
    lanes: endOver(terms, lane),
  });
  const atOnce = Math.min(...group.map((store) => vectorsAtOnce(at, store.value, lane)));
  nest.each(atOnce, (vectors) => {
    for (let vector = 0; vector < vectors; vector++) {
      const cell: Cell = { row: 0, vector };
      const elements = group.map((store) => nest.evaluate(store.value, cell));
      group.forEach(({ buffer, terms: own, value: { dtype } }, i) => {
        const access = describeAccess(nest, buffer, own, `store ${buffer.name}`, nest.roles);
        const element = defined(elements[i], 'element');
        const stored = dtype === 'bool' ? vectorCast(scopeOf(at), 'bool', 'u32', element) : element;
        storeVector(nest, access, cell, stored);
      });
    }
  });
  return nest.close();
}

const cutsOfStore = (at: Lowering, { value, terms }: Store, roles: Roles): Cut[] => [
  ...cutsOf(at, value, roles),
  ...terms.flatMap(({ index }): Cut[] => {
    if (index.kind === 'span') return [{ span: index, role: defined(roles.get(index.axis), 'role') }];
    return index.axes.length > 0 ? cutsOf(at, index, roles) : [];
  }),
];

const scopeOf = ({ module, fn }: Lowering) => ({ module, fn, keep: (code: Code<'v128'>) => code });

/** The span over an axis, where there is one: what lies past its end need not be computed. */
const endOver = (terms: Store['terms'], axis: Axis | undefined): End | undefined => {
  const span = spansOfTerms(terms).find((own) => own.axis === axis);
  return span && { span, unit: 1 };
};

function storeVector(nest: Nest, access: Access, cell: Cell, element: Code<'v128'>): void {
  const { at, roles } = nest;
  const isHalf = access.buffer.dtype === 'f16';
  const row = rowAddress(nest, access, cell, roles);
  const keep = (code: Code<'v128'>, name: string): Code<'v128'> => nest.keep(2, 'v128', name, code);
  const value = nest.once(2, `value ${access.key} ${cell.vector}`, 'v128', 'value', () =>
    isHalf ? toHalf({ fn: at.fn, keep }, element) : element,
  );
  const guarded = (statements: readonly Statement[]): void => {
    const condition = rowCondition(nest, access, cell, roles);
    for (const statement of condition ? [when(condition, statements)] : statements) nest.push(2, statement);
  };
  const lanes = (address: (lane: number) => Code<'i32'>, offset = (_lane: number) => 0): Statement[] =>
    [0, 1, 2, 3].map((lane) => {
      const condition = laneCondition(nest, access, cell, lane, roles);
      const store = isHalf
        ? i32.store16(address(lane), i32x4.lane(value, lane), offset(lane))
        : v128.storeLane(address(lane), value, lane, offset(lane));
      return condition ? when(condition, [store]) : store;
    });
  if (access.lanes === 'scattered') {
    const addresses = at.fn.local('v128', 'addresses');
    nest.push(2, set(addresses, laneAddresses(nest, access, cell, roles)));
    guarded(lanes((lane) => i32x4.lane(addresses, lane)));
    return;
  }
  const [start, offset] = laneAddress(nest, access, row, cell);
  const address = at.fn.local('i32', 'to');
  nest.push(2, set(address, start));
  const whole = isHalf
    ? v128.storeLow(address, i32x4.narrow(value, value), offset)
    : v128.store(address, value, offset);
  const last = laneCondition(nest, access, cell, 3, roles);
  const bytes = elementBytes(access.buffer);
  const single = () =>
    lanes(
      () => address,
      (lane) => offset + lane * bytes,
    );
  guarded([last ? when(last, [whole], single()) : whole]);
}
