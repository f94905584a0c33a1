import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { KernelBuilder } from '../../../src/kernel/build.ts';
import { checkKernel } from '../../../src/kernel/check.ts';
import type { Axis, Kernel, Value } from '../../../src/kernel/ir.ts';
import { runs } from '../../support/counts.ts';
import { interpreterOf } from '../../support/launch.ts';
import { distance, floats, numbers, trace, zeros } from '../interpreter/support.ts';
import { wasmRunner } from './support.ts';

/**
 * Loops that carry two tiles and two vectors through random bodies: products, reductions and renames of what is carried,
 * read before and after it is replaced. Which carried tiles may be updated in place is decided by who reads them when.
 */
interface Recipe {
  readonly choices: readonly number[];
  readonly rows: number;
  readonly columns: number;
}

const recipes = fc.record({
  choices: fc.array(fc.nat(1000), { minLength: 8, maxLength: 40 }),
  rows: fc.integer({ min: 1, max: 6 }),
  columns: fc.integer({ min: 1, max: 12 }),
});

const ROWS = 4;
const COLUMNS = 12;

const hasAxes = (value: Value, axes: readonly Axis[]): boolean =>
  value.axes.length === axes.length && value.axes.every((axis, i) => axis === axes[i]);

class Body {
  readonly k: KernelBuilder;
  readonly axes: { readonly r: Axis; readonly c: Axis; readonly d: Axis };
  readonly weights: Value;
  readonly pool: Value[];
  readonly #choices: readonly number[];
  next = 0;

  constructor(
    k: KernelBuilder,
    axes: Body['axes'],
    weights: Value,
    pool: readonly Value[],
    choices: readonly number[],
  ) {
    this.k = k;
    this.axes = axes;
    this.weights = weights;
    this.pool = [...pool];
    this.#choices = choices;
  }

  choose(count: number): number {
    return (this.#choices[this.next++ % this.#choices.length] ?? 0) % count;
  }

  pick(axes: readonly Axis[]): Value {
    const fitting = this.pool.filter((value) => hasAxes(value, axes));
    return fitting[this.choose(fitting.length)] as Value;
  }

  step(): Value {
    const { k } = this;
    const { r, c, d } = this.axes;
    const tame = (value: Value): Value => k.max(k.min(value, 4), -4);
    const tile = this.pick([r, c]);
    switch (this.choose(10)) {
      case 0:
        return tame(k.add(tile, this.pick([r, c])));
      case 1:
        return tame(k.mul(tile, this.pick([r])));
      case 2:
        return tame(k.dot(k.rename(tile, c, d), this.weights, undefined, d));
      case 3:
        return tame(k.dot(k.rename(tile, c, d), this.weights, this.pick([r, c]), d));
      case 4:
        return k.dot(
          k.rename(k.mul(tile, 0.25), c, d),
          this.weights,
          k.mul(this.pick([r, c]), this.pick([r])),
          d,
        );
      case 5:
        return k.sum(k.mul(tile, k.mul(this.pick([r]), 0.02)), c);
      case 6:
        return k.sub(k.maximum(tile, c), k.mul(this.pick([r]), 0.5));
      case 7:
        return k.sum(k.mul(tile, k.mul(this.pick([c]), 0.05)), r);
      case 8:
        return tame(k.add(tile, this.pick([c])));
      default:
        return k.exp(k.sub(k.mul(tile, 0.25), k.max(this.pick([r]), 2)));
    }
  }
}

function kernelOf({ choices }: Recipe): Kernel {
  return trace((k) => {
    const [r, c, d] = [k.axis('r', ROWS), k.axis('c', COLUMNS), k.axis('d', COLUMNS)];
    const [rows, columns] = [k.parameter('rows'), k.parameter('columns')];
    const R = k.span(r, k.mul(k.program(0), ROWS), rows);
    const [C, D] = [k.span(c, 0, columns), k.span(d, 0, columns)];
    const at = [[R, columns], [C, 1]] as const; // biome-ignore format: one line
    const x = k.load(k.read('x'), at);
    const v = k.load(k.read('v'), [[R, 1]]);
    const weights = k.load(k.read('w'), [[D, columns], [C, 1]]); // biome-ignore format: one line
    const u = k.load(k.read('u'), [[C, 1]]);
    const trips = (choices[0] ?? 0) % 4;
    const carriedOut = k.loop(0, trips, 1, [x, k.mul(x, 0.5), v, u], (_, ...carried) => {
      const body = new Body(k, { r, c, d }, weights, [...carried, x], choices);
      while (body.next < choices.length) body.pool.push(body.step());
      return [body.pick([r, c]), body.pick([r, c]), body.pick([r]), body.pick([c])];
    });
    const [first, second, vector, row] = carriedOut as [Value, Value, Value, Value];
    k.store(k.write('first'), at, first);
    k.store(k.write('second'), at, second);
    k.store(k.write('vector'), [[R, 1]], vector);
    k.store(k.write('row'), [[k.program(0), columns], [C, 1]], row); // biome-ignore format: one line
  });
}

function check(recipe: Recipe): void {
  const kernel = kernelOf(recipe);
  expect(checkKernel(kernel)).toEqual([]);
  const { rows, columns } = recipe;
  const launch = { kernel, grid: [Math.ceil(rows / ROWS)], scalars: { rows, columns } };
  const buffers = () => ({
    x: floats(numbers(rows * columns), 'f32'),
    v: floats(numbers(rows, 2), 'f32'),
    w: floats(
      numbers(columns * columns, 3).map((value) => value / columns),
      'f32',
    ),
    first: zeros(rows * columns, 'f32'),
    second: zeros(rows * columns, 'f32'),
    vector: zeros(rows, 'f32'),
    u: floats(numbers(columns, 4), 'f32'),
    row: zeros(2 * columns, 'f32'),
  });
  const [expected, got] = [buffers(), buffers()];
  interpreterOf('f32')(launch, expected);
  wasmRunner()(launch, got);
  for (const name of ['first', 'second', 'vector', 'row'] as const) {
    expect(distance(got[name], expected[name]), name).toBeLessThan(1e-4);
  }
}

it('random loops carry on what the interpreter carries on', () => {
  fc.assert(fc.property(recipes, check), { seed: 20260802, numRuns: runs(2000, 80) });
});
