import { times } from '../src/base/dim.ts';
import type { LaunchPlan, Slot } from '../src/ir/record.ts';
import type { KernelBuilder, TermInput } from '../src/kernel/build.ts';
import type { Axis, Buffer, Kernel, Span, Value } from '../src/kernel/ir.ts';
import type { CrfSizes } from './crfArguments.ts';
import { flowing } from './crfBackward.ts';
import { ABSENT, exceptWhere, temporary } from './crfBlock.ts';
import { blocksOf, kernelOnce, tileExtent } from './plan.ts';

/**
 * Gradient of the transitions, from what crfBackward.ts stored per row k = (sequence, time):
 *
 *   dT[y, z] = weights[y, z] Σ_k left[k, y] right[k, z]                                   rows in the exponential domain
 *            + Σ_k right[k, z] exp(left[k, y] + T[y, z] − level[z] − α[k, z])             rows marked `exact`
 *            − Σ_k mass[k] [tag[k − 1] = y] [tag[k] = z]
 *
 * `crfPairs` makes one y × z tile of it over every 8th chunk of 64 rows, `crfPairsTotal` adds the 8 partial sums: the
 * order depends on nothing but shapes. The weights are the same in every row, so they are multiplied in at the end.
 * The third line is a product of one-hot rows.
 *
 * Memory: left and right are read ceil(labels / tile) times; 8 · labels² partial sums written and read.
 */
const splits = 8;
const chunk = 64;

interface Symbols {
  readonly r: Axis;
  readonly y: Axis;
  readonly z: Axis;
  readonly Y: Span;
  readonly Z: Span;
  readonly rows: Value;
  readonly labels: Value;
  /** address of [labels, labels] */
  readonly square: readonly TermInput[];
  readonly left: Buffer;
  readonly right: Buffer;
  readonly marks: Buffer;
}

function declare(k: KernelBuilder, tile: number): Symbols {
  const labels = k.parameter('labels');
  const [r, y, z] = [k.axis('r', chunk), k.axis('y', tile), k.axis('z', tile)];
  const Y = k.span(y, k.mul(k.program(0), tile), labels);
  const Z = k.span(z, k.mul(k.program(1), tile), labels);
  const square: TermInput[] = [
    [Y, labels],
    [Z, 1],
  ];
  const buffers = { left: k.read('left'), right: k.read('right'), marks: k.read('exact') };
  return { r, y, z, Y, Z, rows: k.parameter('rows'), labels, square, ...buffers };
}

function pairsProgram(k: KernelBuilder, tile: number): void {
  const at = declare(k, tile);
  const { r, y, z, Y, Z, rows, labels } = at;
  const gold = goldPairs(k, at);
  const exact = exactPairs(k, at);
  const zeros = k.fill([y, z], 0);
  const start = k.mul(k.program(2), chunk);
  const [products, direct] = k.loop(start, rows, chunk * splits, [zeros, zeros], (from, sum, others) => {
    const R = k.span(r, from, rows);
    const marks = k.load(at.marks, [[R, 1]]);
    const left = k.load(at.left, [
      [R, labels],
      [Y, 1],
    ]);
    const right = k.load(at.right, [
      [R, labels],
      [Z, 1],
    ]);
    const product = k.dot(k.select(k.lt(0, marks), 0, left), right, sum as Value, r);
    const counted = gold(R, others as Value);
    const some = k.lt(0, k.maximum(marks, r));
    return [product, exceptWhere(k, some, counted, () => exact(from, counted))];
  });
  const weights = k.load(k.read('weights'), at.square);
  const sum = k.add(k.mul(products as Value, weights), direct as Value);
  k.store(k.write('out'), [[k.program(2), k.mul(labels, labels)], ...at.square], sum);
}

/** Adds −mass · one-hot(tag before) ⊗ one-hot(tag) of some rows. The first row of a sequence has mass 0. */
function goldPairs(k: KernelBuilder, { r, y, z, Y, Z }: Symbols): (R: Span, sum: Value) => Value {
  const tags = k.read('tags', 'i32');
  const mass = k.read('mass');
  return (R, sum) => {
    const before = k.max(k.sub(k.add(k.arange(r), R.start), 1), 0);
    const tagBefore = k.load(
      tags,
      [
        [before, 1],
        [R, 0],
      ],
      -1,
    );
    const isFrom = k.eq(tagBefore, k.add(k.arange(y), Y.start));
    const isTo = k.eq(k.load(tags, [[R, 1]], -1), k.add(k.arange(z), Z.start));
    const weighted = k.select(isFrom, k.neg(k.load(mass, [[R, 1]])), 0);
    return k.dot(weighted, k.select(isTo, 1, 0), sum, r);
  };
}

/** Adds the rows of a chunk that are marked, one by one. */
function exactPairs(k: KernelBuilder, at: Symbols): (from: Value, sum: Value) => Value {
  const { Y, Z, rows, labels } = at;
  const transitions = k.read('transitions');
  const level = k.read('level');
  const alpha = k.read('alpha');
  return (from, sum) => {
    const scores = k.sub(k.load(transitions, at.square, ABSENT), k.load(level, [[Z, 1]]));
    const end = k.min(k.add(from, chunk), rows);
    const [total] = k.loop(from, end, 1, [sum], (row, before) => {
      const marked = k.lt(0, k.load(at.marks, [[row, 1]]));
      return [
        exceptWhere(k, marked, before as Value, () => {
          const left = k.load(at.left, [
            [row, labels],
            [Y, 1],
          ]);
          const [to, depth] = [at.right, alpha].map((buffer) =>
            k.load(buffer, [
              [row, labels],
              [Z, 1],
            ]),
          ) as [Value, Value];
          return k.add(before as Value, flowing(k, to, k.sub(k.add(left, scores), depth)));
        }),
      ];
    });
    return total as Value;
  };
}

function totalProgram(k: KernelBuilder): void {
  const elements = k.parameter('elements');
  const s = k.axis('s', splits);
  const e = k.axis('e', 256);
  const E = k.span(e, k.mul(k.program(0), 256), elements);
  const parts = k.load(k.read('parts'), [
    [k.span(s, 0, splits), elements],
    [E, 1],
  ]);
  k.store(k.write('out'), [[E, 1]], k.sum(parts, s));
}

const traceCrfPairs = (tile: number): Kernel =>
  kernelOnce(
    {
      name: 'crfPairs',
      variant: `${tile}`,
      doc: 'partial sums of the gradient of the transitions of a CRF',
      schedule: { tiles: { r: chunk, y: tile, z: tile }, workgroup: [16, 16], stage: 16 },
    },
    (k) => pairsProgram(k, tile),
  );

const traceCrfPairsTotal = (): Kernel =>
  kernelOnce(
    {
      name: 'crfPairsTotal',
      doc: 'sum of the partial sums of the gradient of the transitions',
      schedule: { tiles: { s: splits, e: 256 }, workgroup: [256, 1] },
    },
    totalProgram,
  );

/** Names of what `planCrfTransitions` reads, by kernel buffer. */
export type CrfPairSlots = Readonly<
  Record<'transitions' | 'level' | 'weights' | 'alpha' | 'tags' | 'left' | 'right' | 'mass' | 'exact', Slot>
>;

/** dtransitions from the rows that the backward pass stored. Two launches. */
export function planCrfTransitions(
  { batch, time, labels }: CrfSizes,
  slots: CrfPairSlots,
  dtransitions: Slot,
): LaunchPlan[] {
  const parts = temporary('Parts', [splits, labels, labels]);
  const tile = tileExtent(labels, 64, 4);
  return [
    {
      kernel: traceCrfPairs(tile),
      grid: [blocksOf(labels, tile), blocksOf(labels, tile), { size: splits, per: 1 }],
      scalars: { rows: times(batch, time), labels },
      slots: { ...slots, out: parts },
    },
    {
      kernel: traceCrfPairsTotal(),
      grid: [blocksOf(labels * labels, 256)],
      scalars: { elements: labels * labels },
      slots: { parts, out: dtransitions },
    },
  ];
}
