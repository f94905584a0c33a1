import { type Dim, minus } from '../src/base/dim.ts';
import { defined } from '../src/base/errors.ts';
import type { LaunchPlan, Slot } from '../src/ir/record.ts';
import type { KernelBuilder } from '../src/kernel/build.ts';
import { blocksOf, kernelOnce } from './plan.ts';

/**
 * out[i] = ids[i] brought into low … below − 1, so that whatever reads by them stays in its own memory.
 *
 * The first id outside is noted in the report i32 [4]: its position + 1, its value, and below − 1; a note stands until the host
 * clears it. With lengths i32 [rows], ids [rows, width] at and beyond a row's length may be anything.
 *
 * One program, as one note has one writer: ids are few. Memory: reads and writes `count` words.
 */
export interface ClampIndexArguments {
  /** i32 [count] */
  readonly ids: Slot;
  /** i32 [count / width] */
  readonly lengths: Slot | undefined;
  /** i32 [count] */
  readonly out: Slot;
  /** i32 [4] */
  readonly report: Slot;
  readonly count: Dim;
  readonly width: Dim;
  readonly low: number;
  readonly below: Dim;
}

const TILE = 1024;
/** Above every position. */
const BEYOND = 2 ** 31 - 1;

function clampProgram(k: KernelBuilder, hasLengths: boolean): void {
  const ids = k.read('ids', 'i32');
  const lengths = hasLengths ? k.read('lengths', 'i32') : undefined;
  const out = k.write('out', 'i32');
  const report = k.buffer('report', 'i32', 'update');
  const [count, low, last] = [k.parameter('count'), k.parameter('low'), k.parameter('last')];
  const width = hasLengths ? k.parameter('width') : undefined;
  const i = k.axis('i', TILE);
  const w = k.axis('w', 4);
  // the distance of the first id outside from the end of all positions: 0 where there is none
  const [nearest] = k.loop(0, count, TILE, [k.fill([i], 0, 'i32')], (from, before) => {
    const I = k.span(i, from, count);
    const position = k.add(k.arange(i), from);
    const id = k.load(ids, [[I, 1]]);
    const clamped = k.max(k.min(id, last), low);
    k.store(out, [[I, 1]], clamped);
    let outside = k.and(k.inside(I), k.map('ne', id, clamped));
    if (lengths !== undefined && width !== undefined) {
      const row = k.div(position, width);
      const length = k.load(lengths, [
        [row, 1],
        [I, 0],
      ]);
      outside = k.and(outside, k.lt(k.sub(position, k.mul(row, width)), length));
    }
    const distance = k.select(outside, k.sub(BEYOND, position), 0);
    return [k.max(defined(before, 'distance'), distance)];
  });
  const distance = k.maximum(defined(nearest, 'distance'), i);
  k.when(k.lt(0, distance), () => {
    const position = k.sub(BEYOND, distance);
    const word = k.arange(w);
    const id = k.load(ids, [[position, 1]]);
    const note = k.select(k.eq(word, 0), k.add(position, 1), k.select(k.eq(word, 1), id, last));
    const before = k.load(report, [[word, 1]]);
    const stands = k.lt(0, k.sum(k.select(k.eq(word, 0), before, 0), w));
    k.store(report, [[word, 1]], k.select(stands, before, note));
  });
}

/** ids within low … below − 1. One launch. */
export function planClampIndex(args: ClampIndexArguments): LaunchPlan[] {
  const { ids, lengths, out, report, count, width, low, below } = args;
  const hasLengths = lengths !== undefined;
  const kernel = kernelOnce(
    {
      name: 'clampIndex',
      variant: hasLengths ? 'lengths' : '',
      doc: 'brings ids into a range and notes the first one outside',
      schedule: { tiles: { i: TILE }, workgroup: [256, 1] },
    },
    (k) => clampProgram(k, hasLengths),
  );
  const scalars = { count, low, last: minus(below, 1) };
  return [
    {
      kernel,
      grid: [blocksOf(count, BEYOND)],
      scalars: hasLengths ? { ...scalars, width } : scalars,
      slots: hasLengths ? { ids, lengths, out, report } : { ids, out, report },
    },
  ];
}
