import { defined } from '../../base/errors.ts';
import { operandsOf } from '../../kernel/flow.ts';
import type { Statement as KernelStatement, Loop, Region, Value } from '../../kernel/ir.ts';
import type { Code, Local, Scalar, Statement } from './code.ts';
import { block, branch, branchIf, loop, set, when } from './control.ts';
import { packFactors, sumFromZero, writeDot } from './dot.ts';
import { kindOf, scalarCast, scalarElementwise, splat } from './elementwise.ts';
import { code, f32, f32x4, i32, i32x4, memory, plus } from './instructions.ts';
import { bytesOf, type Lowering, type Place } from './lowering.ts';
import { writeReduce } from './reduce.ts';
import { writeStores } from './store.ts';
import { callThreefry, fromHalf, keepIn } from './vectors.ts';
import { rowsOf, writeTile } from './write.ts';

export function writeRegion(at: Lowering, region: Region): Statement[] {
  return region.statements.flatMap((statement) => writeStatement(at, statement));
}

function writeStatement(at: Lowering, statement: KernelStatement): Statement[] {
  switch (statement.kind) {
    case 'let':
      return at.analysis.flow.live.has(statement.value) ? writeValue(at, statement.value) : [];
    case 'store':
      return writeStores(at, statement);
    case 'when':
      return [when(at.integer(statement.condition), writeRegion(at, statement.body))];
    case 'loop':
      return writeLoop(at, statement);
  }
}

function writeValue(at: Lowering, value: Value): Statement[] {
  if (value.op === 'induction' || value.op === 'carried') return [];
  if (value.op === 'result') {
    const carried = defined(value.loop.carried[value.index], 'carried value');
    if (value.axes.length === 0) at.scalars.set(value, at.scalar(carried));
    else at.places.set(value, at.placeOf(carried));
    return packFactors(at, value);
  }
  if (value.axes.length === 0) return writeScalar(at, value);
  if (!at.analysis.isPlaced(value)) return packFactors(at, value);
  const replaced = at.analysis.inPlace.get(value);
  const place = replaced ? at.placeOf(replaced) : at.allocateTile(value.axes);
  const statements = writePlaced(at, value, place);
  at.places.set(value, place);
  return [...statements, ...packFactors(at, value)];
}

function writePlaced(at: Lowering, value: Value, place: Place): Statement[] {
  if (value.op === 'dot') return writeDot(at, value, place);
  if (value.op === 'reduce') return writeReduce(at, value, { place });
  return writeTile(at, value, rowsOf(place));
}

const copyPlace = (at: Lowering, from: Place, to: Place): Statement[] =>
  from.offset === to.offset ? [] : [memory.copy(at.scratchAt(to), at.scratchAt(from), bytesOf(to))];

const unreachable = code('none', 'unreachable', [0x00]);

function writeLoop(at: Lowering, statement: Loop): Statement[] {
  const { from, to, step, induction, carried, initial, body } = statement;
  const counter = at.fn.local('i32', `v${induction.id}`);
  const end = at.fn.local('i32', 'end');
  at.scalars.set(induction, counter);
  const [begin, zeros]: [Statement[], Statement[]] = [[], []];
  carried.forEach((value, i) => {
    const start = defined(initial[i], 'initial value');
    const sum = sumFromZero(at, value, start);
    if (sum) at.firsts.set(sum, i32.eq(counter, at.integer(from)));
    (sum ? zeros : begin).push(...begins(at, value, start));
  });
  const inside = writeRegion(at, body);
  const next = set(counter, plus(counter, at.integer(step)));
  return [
    ...begin,
    // a loop that never advances would never end
    ...(step.op === 'constant' ? [] : [when(i32.leS(at.integer(step), 0), [unreachable])]),
    set(end, at.integer(to)),
    set(counter, at.integer(from)),
    // what the first iteration stores is zero where there is none
    ...(zeros.length > 0 ? [when(i32.geS(counter, end), zeros)] : []),
    block([
      loop([branchIf(1, i32.geS(counter, end)), ...inside, ...carryOn(at, statement), next, branch(0)]),
    ]),
  ];
}

function begins(at: Lowering, carried: Value, initial: Value): Statement[] {
  if (carried.axes.length === 0) {
    const local = at.fn.local(kindOf(carried.dtype), `v${carried.id}`);
    at.scalars.set(carried, local as Scalar);
    return [set(local, at.scalar(initial))];
  }
  const place = at.allocateTile(carried.axes);
  at.places.set(carried, place);
  if (at.analysis.isPlaced(initial)) return copyPlace(at, at.placeOf(initial), place);
  return writeTile(at, initial, rowsOf(place));
}

/** Hands the yielded values to the next iteration, all at once. */
function carryOn(at: Lowering, { carried, yields }: Loop): Statement[] {
  const first: Statement[] = [];
  const second: Statement[] = [];
  const targets = new Set(
    carried.flatMap((value) => (value.axes.length > 0 ? [at.placeOf(value).offset] : [])),
  );
  carried.forEach((value, i) => {
    const next = defined(yields[i], 'yielded value');
    if (next === value) return;
    if (value.axes.length === 0) {
      const code = at.scalar(next);
      const local = at.fn.local(code.result, 'next') as Local;
      first.push(set(local, code));
      second.push(set(at.scalar(value) as Local, local));
      return;
    }
    const [from, to] = [at.placeOf(next), at.placeOf(value)];
    if (from.offset === to.offset) return;
    // another carried tile is about to be overwritten: it is kept aside first
    const aside = targets.has(from.offset) ? { ...from, offset: at.reserve(bytesOf(from)) } : from;
    first.push(...copyPlace(at, from, aside));
    second.push(...copyPlace(at, aside, to));
  });
  return [...first, ...second];
}

/** Computes a uniform scalar into a local variable. */
function writeScalar(at: Lowering, value: Value): Statement[] {
  if (value.op === 'constant' || at.scalars.has(value)) return [];
  const kind = kindOf(value.dtype);
  const local = at.fn.local(kind, `v${value.id}`);
  at.scalars.set(value, local as Scalar);
  if (value.op === 'reduce') return writeReduce(at, value, { scalar: local });
  const statements: Statement[] = [];
  const code = compute(at, value, statements);
  return [...statements, set(local, code as Code<typeof kind>)];
}

function compute(at: Lowering, value: Value, statements: Statement[]): Scalar {
  const scope = { module: at.module, ...keepIn(at.fn, statements) };
  switch (value.op) {
    case 'elementwise': {
      const args = value.args.map((arg) => at.scalar(arg));
      return scalarElementwise(scope, value, args);
    }
    case 'cast':
      return scalarCast(value.arg.dtype, value.dtype, at.scalar(value.arg));
    case 'load': {
      const address = at.elementAddress(value.buffer, value.terms);
      if (value.buffer.dtype === 'f16') {
        return f32x4.lane(fromHalf(scope, i32x4.splat(i32.load16(address))), 0);
      }
      return value.dtype === 'f32' ? f32.load(address) : i32.load(address);
    }
    case 'random': {
      const args = operandsOf(value).map((part) => splat(part.dtype, at.scalar(part)));
      return i32x4.lane(callThreefry(at.module, value.word, args), 0);
    }
    default:
      throw at.unsupported(`scalar ${value.op}`, `%${value.id}`);
  }
}
