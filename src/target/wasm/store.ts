import { defined } from '../../base/errors.ts';
import type { Axis, Store } from '../../kernel/ir.ts';
import {
  type Access,
  describeAccess,
  laneAddresses,
  laneCondition,
  rowAddress,
  rowCondition,
  spansOfTerms,
} from './access.ts';
import { type Code, get, type Statement, set, when } from './code.ts';
import { vectorCast } from './elementwise.ts';
import { f32, i32, i32x4, plus, times, v128 } from './instructions.ts';
import { type Cell, type Cut, type End, rolesOf } from './loops.ts';
import { bufferAddress, integer, type Lowering, scalar, strideBytes } from './lowering.ts';
import { Nest } from './nest.ts';
import { cutsOf, vectorsAtOnce } from './write.ts';

/** Writes a tile or a scalar to a buffer; what lies beyond a span's limit is not written. */
export function writeStore(at: Lowering, store: Store): Statement[] {
  const { value } = store;
  if (value.axes.length === 0) return [storeScalar(at, store)];
  return at.fn.scoped(() => storeNest(at, store));
}

function storeScalar(at: Lowering, { buffer, terms, value }: Store): Statement {
  const address = terms.reduce<Code<'i32'>>(
    (sum, { index, stride }) => {
      const position = integer(at, index.kind === 'span' ? index.start : index);
      return plus(sum, times(position, strideBytes(at, stride)));
    },
    bufferAddress(at, buffer),
  );
  const code = scalar(at, value);
  return code.result === 'f32' ? f32.store(address, code) : i32.store(address, code);
}

function storeNest(at: Lowering, { buffer, terms, value }: Store): Statement[] {
  const [first, second] = value.axes;
  const lane = defined(second ?? first, 'axis of a store');
  const row = second && first;
  const roles = rolesOf(row, lane);
  const cuts = [
    ...cutsOf(at, value, roles),
    ...terms.flatMap(({ index }): Cut[] => {
      if (index.kind === 'span') return [{ span: index, role: index.axis === lane ? 'lane' : 'row' }];
      return index.axes.length > 0 ? cutsOf(at, index, roles) : [];
    }),
  ];
  const nest = new Nest(at, row, lane, {
    cuts,
    rows: endOver(terms, row),
    lanes: endOver(terms, lane),
  });
  nest.each(vectorsAtOnce(at, value, lane), (vectors) => {
    const access = describeAccess(nest, buffer, terms, `store ${buffer.name}`, nest.roles);
    for (let vector = 0; vector < vectors; vector++) {
      const cell: Cell = { row: 0, vector };
      const element = nest.evaluate(value, cell);
      const stored = value.dtype === 'bool' ? vectorCast(scopeOf(at), 'bool', 'u32', element) : element;
      storeVector(nest, access, cell, stored);
    }
  });
  return nest.close();
}

const scopeOf = ({ module, fn }: Lowering) => ({ module, fn, keep: (code: Code<'v128'>) => code });

/** The span over an axis, where there is one: what lies past its end need not be computed. */
const endOver = (terms: Store['terms'], axis: Axis | undefined): End | undefined => {
  const span = spansOfTerms(terms).find((own) => own.axis === axis);
  return span && { span, unit: 1 };
};

function storeVector(nest: Nest, access: Access, cell: Cell, element: Code<'v128'>): void {
  const { at, roles } = nest;
  const row = rowAddress(nest, access, cell, roles);
  const value = nest.once(2, `value ${cell.vector}`, 'v128', 'value', () => element);
  const guarded = (statements: readonly Statement[]): void => {
    const condition = rowCondition(nest, access, cell, roles);
    for (const statement of condition ? [when(condition, statements)] : statements) nest.push(2, statement);
  };
  const lanes = (store: (lane: number) => Statement): Statement[] =>
    [0, 1, 2, 3].map((lane) => {
      const condition = laneCondition(nest, access, cell, lane, roles);
      return condition ? when(condition, [store(lane)]) : store(lane);
    });
  if (access.lanes === 'scattered') {
    const addresses = at.fn.local('v128', 'addresses');
    nest.push(2, set(addresses, laneAddresses(nest, access, cell, roles)));
    guarded(lanes((lane) => v128.storeLane(i32x4.lane(get(addresses), lane), value, lane)));
    return;
  }
  const address = at.fn.local('i32', 'to');
  nest.push(2, set(address, plus(row, get(nest.laneBytes))));
  const offset = cell.vector * 16;
  const whole = v128.store(get(address), value, offset);
  const last = laneCondition(nest, access, cell, 3, roles);
  if (!last) guarded([whole]);
  else {
    const single = lanes((lane) => v128.storeLane(get(address), value, lane, offset + lane * 4));
    guarded([when(last, [whole], single)]);
  }
}
