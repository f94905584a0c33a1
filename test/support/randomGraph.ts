import { GraphBuilder } from '../../src/ir/builder.ts';
import type { Graph, Ref } from '../../src/ir/graph.ts';
import type { OpRegistry } from '../../src/ir/record.ts';
import type { Value } from './evaluate.ts';

export interface RandomGraph {
  readonly graph: Graph;
  readonly feeds: Readonly<Record<string, Value>>;
}

/** Elements of a tensor, so that forty nodes evaluate in no time. */
const MOST_ELEMENTS = 240;

/**
 * Makes a graph out of a list of numbers: each draws the next op and its operands, so that a shorter list is a smaller graph and
 * fast-check can shrink. Ranks 0–4, dims 0–9; values stay finite. Works with every registry that has the ops named here.
 * Its outputs: a few tensors, and `loss`, a scalar that depends on the last one.
 */
export function randomGraph(
  choices: readonly number[],
  registry: OpRegistry,
  options: { readonly inputsOnly?: boolean } = {},
): RandomGraph {
  const draw = new Draw(choices);
  const b = new GraphBuilder('random', registry);
  const feeds: Record<string, Value> = {};
  const pool: Ref[] = [];
  const source = (shape: readonly number[]): Ref => {
    const type = { dtype: 'f32' as const, shape };
    const name = `x${Object.keys(feeds).length}`;
    const ref =
      draw.below(2) === 0 || options.inputsOnly
        ? b.input(name, type)
        : b.parameter(name, type, { initializer: 'normal' });
    const size = shape.reduce((x, y) => x * y, 1);
    const phase = draw.below(100);
    feeds[ref] = {
      shape,
      data: Array.from({ length: size }, (_, i) => Math.fround(Math.sin(i * 1.3 + phase))),
    };
    return ref;
  };
  b.source = { file: 'random.ts', line: 1 };
  pool.push(source(draw.shape()), source(draw.shape()));
  let line = 2;
  while (!draw.finished) {
    b.source = { file: 'random.ts', line: line++ };
    b.scope = ['', 'a', 'a/b'][draw.below(3)] ?? '';
    const made = step(b, draw, pool, source);
    if (made !== undefined && sizeOf(b, made) <= MOST_ELEMENTS) pool.push(made);
  }
  const total = (ref: Ref): Ref => b.sum(ref, [...b.typeOf(ref).shape.keys()]);
  const last = pool.at(-1) ?? '';
  b.output('loss', total(last));
  // every source is read by something
  b.output(
    'sources',
    Object.keys(feeds)
      .map(total)
      .reduce((x, y) => b.add(x, y)),
  );
  b.output('last', last);
  if (pool.length > 3) b.output('middle', pool[Math.floor(pool.length / 2)] ?? last);
  return { graph: b.finish(), feeds };
}

const shapeOf = (b: GraphBuilder, ref: Ref): number[] => b.typeOf(ref).shape.map(Number);
const sizeOf = (b: GraphBuilder, ref: Ref): number => shapeOf(b, ref).reduce((x, y) => x * y, 1);

class Draw {
  readonly #choices: readonly number[];
  #next = 0;
  constructor(choices: readonly number[]) {
    this.#choices = choices;
  }
  get finished(): boolean {
    return this.#next >= this.#choices.length;
  }
  below(limit: number): number {
    return Math.abs(this.#choices[this.#next++] ?? 0) % limit;
  }
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }
  shape(): number[] {
    const shape: number[] = [];
    for (let rank = this.below(5); rank > 0; rank--) {
      const room =
        MOST_ELEMENTS /
        Math.max(
          1,
          shape.reduce((x, y) => x * y, 1),
        );
      shape.push(Math.min(this.pick([1, 2, 3, 4, 5, 1, 2, 9, 6, 2, 3, 1, 2, 8, 0, 7]), Math.floor(room)));
    }
    return shape;
  }
}

/** Recent tensors are picked more often, so that chains grow. */
const operand = (draw: Draw, pool: readonly Ref[]): Ref =>
  (draw.below(3) > 0 ? pool[pool.length - 1 - draw.below(Math.min(3, pool.length))] : draw.pick(pool)) ??
  (pool[0] as Ref);

type Source = (shape: readonly number[]) => Ref;

function step(b: GraphBuilder, draw: Draw, pool: readonly Ref[], source: Source): Ref | undefined {
  const x = operand(draw, pool);
  switch (draw.below(10)) {
    case 0:
    case 1:
      return b.one(draw.pick(['neg', 'tanh', 'tanh']), [x]);
    case 2:
    case 3:
      return binary(b, draw, x, partner(b, draw, pool, x, source));
    case 4:
      return withConstant(b, draw, x);
    case 5:
      return choose(b, x, partner(b, draw, pool, x, source));
    case 6:
      return reduce(b, draw, x);
    case 7:
      return view(b, draw, x);
    case 8:
      return product(b, draw, x, source);
    default:
      // stays positive and below e, so that quotients are tame
      return b.exp(b.one('tanh', [x]));
  }
}

/** A tensor that broadcasts with x: one from the pool where one fits, else a new source. */
function partner(b: GraphBuilder, draw: Draw, pool: readonly Ref[], x: Ref, source: Source): Ref {
  const shape = shapeOf(b, x);
  const fits = pool.filter((ref) => {
    const other = shapeOf(b, ref);
    return other.every((dim, i) => {
      const own = shape[i - other.length + shape.length] ?? 1;
      return dim === own || dim === 1 || own === 1;
    });
  });
  if (draw.below(4) > 0) return draw.pick(fits);
  const kept = draw.below(shape.length + 1);
  return source(shape.slice(kept).map((dim) => (draw.below(3) === 0 ? 1 : dim)));
}

function binary(b: GraphBuilder, draw: Draw, x: Ref, y: Ref): Ref {
  const kind = draw.below(4);
  if (kind === 0) return b.add(x, y);
  if (kind === 1) return b.sub(x, y);
  if (kind === 2) return b.mul(b.one('tanh', [x]), y);
  return b.div(b.one('tanh', [x]), b.add(b.mul(y, y), b.constant(1)));
}

function withConstant(b: GraphBuilder, draw: Draw, x: Ref): Ref {
  const c = b.constant(draw.pick([0, 1, -0.5, 2]));
  const kind = draw.below(3);
  if (kind === 0) return b.add(x, draw.below(2) === 0 ? c : b.neg(c));
  return kind === 1 ? b.mul(b.one('tanh', [x]), c) : b.sub(c, x);
}

const choose = (b: GraphBuilder, x: Ref, y: Ref): Ref => b.where(b.one('less', [x, y]), y, b.constant(0.25));

function reduce(b: GraphBuilder, draw: Draw, x: Ref): Ref {
  const axes = shapeOf(b, x).flatMap((_, i) => (draw.below(2) === 0 ? [i] : []));
  const total = b.sum(x, axes, draw.below(2) === 0);
  return b.one('tanh', [b.mul(total, b.constant(0.125))]);
}

function view(b: GraphBuilder, draw: Draw, x: Ref): Ref {
  const shape = shapeOf(b, x);
  const kind = draw.below(3);
  if (kind === 0) {
    const permutation = shape.map((_, i) => i);
    const [i, j] = [draw.below(shape.length + 1), draw.below(shape.length + 1)];
    const [a, c] = [permutation[i], permutation[j]];
    if (a === undefined || c === undefined) return b.transpose(x, permutation.toReversed());
    permutation[i] = c;
    permutation[j] = a;
    return b.transpose(x, permutation);
  }
  if (kind === 1) {
    const flat = shape.reduce((total, size) => total * size, 1);
    const target = draw.pick([[flat], [1, flat], [flat, 1], shape.filter((dim) => dim !== 1)]);
    return b.reshape(x, target);
  }
  const wide = shape.map((dim) => (dim === 1 ? 1 + draw.below(3) : dim));
  return b.broadcast(x, wide.length < 4 && draw.below(2) === 0 ? [2, ...wide] : wide);
}

function product(b: GraphBuilder, draw: Draw, x: Ref, source: Source): Ref | undefined {
  const shape = shapeOf(b, x);
  const [rows, inner] = shape.slice(-2);
  if (rows === undefined || inner === undefined) return undefined;
  const columns = 1 + draw.below(4);
  const transposeX = draw.below(4) === 0;
  const transposeY = draw.below(3) === 0;
  const depth = transposeX ? rows : inner;
  const y = source(transposeY ? [columns, depth] : [depth, columns]);
  const result = b.matmul(x, y, { transposeX, transposeY });
  const kind = draw.below(4);
  if (kind === 0) return result;
  const bias = b.add(result, source([columns]));
  return kind === 1 ? bias : b.one('tanh', [bias]);
}
