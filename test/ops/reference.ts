import { threefry } from '../../src/base/random.ts';
import type { Attributes } from '../../src/ir/graph.ts';
import { erf } from '../../src/kernel/elementwise.ts';
import { LOWEST } from '../../src/kernel/ir.ts';
import type { TensorValue } from '../../src/runtime/feeds.ts';

/** The meaning of each op, element by element and as plainly as it can be said; it shares nothing with the kernels. */

export interface Tensor {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}
type Reference = (inputs: readonly Tensor[], attributes: Attributes) => readonly Tensor[];

const count = (shape: readonly number[]): number => shape.reduce((total, size) => total * size, 1);

const indexOf = (flat: number, shape: readonly number[]): number[] => {
  const index: number[] = [];
  let rest = flat;
  for (const size of shape.toReversed()) {
    index.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return index;
};

const tensor = (shape: readonly number[], at: (index: number[]) => number): Tensor => ({
  shape,
  data: Array.from({ length: count(shape) }, (_, flat) => at(indexOf(flat, shape))),
});

/** Element at an index, which may be longer (broadcasting) than the tensor's rank. */
function get({ shape, data }: Tensor, index: readonly number[]): number {
  const own = index.slice(index.length - shape.length);
  const flat = shape.reduce((at, size, i) => at * size + (size === 1 ? 0 : (own[i] ?? 0)), 0);
  return data[flat] as number;
}

const broadcastShape = (shapes: readonly (readonly number[])[]): number[] => {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, i) =>
    shapes.reduce((size, shape) => {
      const own = shape[i - rank + shape.length] ?? 1;
      return own === 1 ? size : own;
    }, 1),
  );
};

const each =
  (f: (...args: number[]) => number): Reference =>
  (inputs) => [
    tensor(broadcastShape(inputs.map(({ shape }) => shape)), (index) =>
      f(...inputs.map((input) => get(input, index))),
    ),
  ];

const cdf = (x: number): number => (1 + erf(x / Math.SQRT2)) / 2;
const pdf = (x: number): number => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);

const casts: Readonly<Record<string, (x: number) => number>> = {
  f32: (x) => x,
  i32: Math.trunc,
  bool: (x) => +(x !== 0),
};

const atAxis = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** Vectors along an axis, changed by `f`. */
function along(x: Tensor, axis: number, f: (row: number[], index: number[]) => number): Tensor {
  const at = atAxis(axis, x.shape.length);
  return tensor(x.shape, (index) => {
    const row = Array.from({ length: x.shape[at] ?? 1 }, (_, i) => get(x, index.with(at, i)));
    return f(row, index);
  });
}

function reduce(x: Tensor, attributes: Attributes, f: (values: number[]) => number): readonly Tensor[] {
  const axes = (attributes.axes as number[]).map((axis) => atAxis(axis, x.shape.length));
  const kept = tensor(
    x.shape.map((size, i) => (axes.includes(i) ? 1 : size)),
    (index) => {
      const inner = axes.map((axis) => x.shape[axis] ?? 1);
      const values = Array.from({ length: count(inner) }, (_, flat) => {
        const place = [...index];
        indexOf(flat, inner).forEach((i, j) => {
          place[axes[j] ?? 0] = i;
        });
        return get(x, place);
      });
      return f(values);
    },
  );
  const shape = kept.shape.filter((_, i) => attributes.keepDims === true || !axes.includes(i));
  return [{ shape, data: kept.data }];
}

const total = (values: readonly number[]): number => values.reduce((x, y) => x + y, 0);

function matmul(x: Tensor, y: Tensor, attributes: Attributes): Tensor {
  const swap = ({ shape, data }: Tensor, yes: boolean): Tensor =>
    yes
      ? tensor([...shape.slice(0, -2), shape.at(-1) ?? 1, shape.at(-2) ?? 1], (index) =>
          get({ shape, data }, [...index.slice(0, -2), index.at(-1) ?? 0, index.at(-2) ?? 0]),
        )
      : { shape, data };
  const [a, b] = [swap(x, attributes.transposeX === true), swap(y, attributes.transposeY === true)];
  const vector = a.shape.length === 1;
  const left = vector ? { ...a, shape: [1, ...a.shape] } : a;
  const outer = broadcastShape([left.shape.slice(0, -2), b.shape.slice(0, -2)]);
  const shape = [...outer, left.shape.at(-2) ?? 1, b.shape.at(-1) ?? 1];
  const product = tensor(shape, (index) => {
    const [batch, row, column] = [index.slice(0, -2), index.at(-2) ?? 0, index.at(-1) ?? 0];
    const terms = Array.from(
      { length: left.shape.at(-1) ?? 1 },
      (_, k) => get(left, [...batch, row, k]) * get(b, [...batch, k, column]),
    );
    return total(terms);
  });
  return vector ? { ...product, shape: shape.slice(1) } : product;
}

function slice(x: Tensor, { axis, from = 0, to = 'end' }: Attributes): Tensor {
  const at = atAxis(Number(axis), x.shape.length);
  const data = Array.from({ length: x.shape[at] ?? 1 }, (_, i) => i);
  const picked = data.slice(Number(from), to === 'end' ? undefined : Number(to));
  const shape = x.shape.with(at, picked.length);
  return tensor(shape, (index) => get(x, index.with(at, picked[index[at] ?? 0] ?? 0)));
}

function concat(parts: readonly Tensor[], axis: number): Tensor {
  const shape = parts[0]?.shape ?? [];
  const at = atAxis(axis, shape.length);
  const sizes = parts.map((part) => part.shape[at] ?? 1);
  return tensor(shape.with(at, total(sizes)), (index) => {
    let position = index[at] ?? 0;
    const part = sizes.findIndex((size) => {
      if (position < size) return true;
      position -= size;
      return false;
    });
    return get(parts[part] as Tensor, index.with(at, position));
  });
}

function layerNorm([x, gamma, beta]: readonly Tensor[], epsilon: number): readonly Tensor[] {
  const [input, scale, shift] = [x, gamma, beta] as [Tensor, Tensor, Tensor];
  const rows = input.shape.slice(0, -1);
  const row = (index: readonly number[]): number[] =>
    Array.from({ length: input.shape.at(-1) ?? 1 }, (_, i) => get(input, [...index, i]));
  const mean = (values: readonly number[]): number => total(values) / values.length;
  const rstd = (values: readonly number[]): number => {
    const middle = mean(values);
    return 1 / Math.sqrt(mean(values.map((value) => (value - middle) ** 2)) + epsilon);
  };
  const y = tensor(input.shape, (index) => {
    const values = row(index.slice(0, -1));
    const normalised = (get(input, index) - mean(values)) * rstd(values);
    return normalised * get(scale, index.slice(-1)) + get(shift, index.slice(-1));
  });
  return [y, tensor(rows, (index) => mean(row(index))), tensor(rows, (index) => rstd(row(index)))];
}

const kept = (flat: number, key: Tensor, { rate, stream }: Attributes): boolean => {
  const [key0, key1] = [key.data[0] as number, key.data[1] as number];
  const [word] = threefry((key0 ^ Number(stream)) >>> 0, key1, flat, 0);
  return word < Math.floor((1 - Number(rate)) * 0x100000000);
};

function dropout([x, key]: readonly Tensor[], attributes: Attributes): Tensor {
  const input = x as Tensor;
  const data = Array.from(input.data, (value, i) =>
    kept(i, key as Tensor, attributes) ? value / (1 - Number(attributes.rate)) : 0,
  );
  return { ...input, data };
}

/** log Σ e^x; of a row that is masked whole, the language's stand-in for −∞. */
const logSum = (values: readonly number[]): number => {
  const most = Math.max(...values);
  if (most === Number.NEGATIVE_INFINITY) return LOWEST;
  return most + Math.log(total(values.map((value) => Math.exp(value - most))));
};

/** The largest of some scores, or what their log-sum is above that; 0 where all are −∞. */
function levelOf(scores: readonly number[], line: number): number {
  const largest = Math.max(...scores);
  if (largest === Number.NEGATIVE_INFINITY) return 0;
  return line === 0 ? largest : logSum(scores) - largest;
}

function crossEntropy([logits, labels]: readonly Tensor[]): readonly Tensor[] {
  const [x, y] = [logits as Tensor, labels as Tensor];
  const row = (index: readonly number[]): number[] =>
    Array.from({ length: x.shape.at(-1) ?? 1 }, (_, c) => get(x, [...index, c]));
  const loss = tensor(y.shape, (index) => {
    const label = get(y, index);
    return label < 0 ? 0 : logSum(row(index)) - (row(index)[label] ?? Number.NaN);
  });
  const levels = tensor([2, ...y.shape], ([line = 0, ...index]) => levelOf(row(index), line));
  return [loss, levels];
}

function attention(inputs: readonly Tensor[], attributes: Attributes): readonly Tensor[] {
  const [q, k, v, ...rest] = inputs as [Tensor, Tensor, Tensor, ...Tensor[]];
  const [batch, time, all] = q.shape as [number, number, number];
  const keys = k.shape[1] ?? 1;
  const heads = Number(attributes.heads);
  const width = all / heads;
  const mask = attributes.masked === true ? rest[0] : undefined;
  const key = rest.at(-1);
  const allowed = (b: number, i: number, j: number): boolean =>
    (mask === undefined || get(mask, [b, j]) !== 0) && (attributes.causal !== true || j <= i);
  const scores = (b: number, h: number, i: number): number[] =>
    Array.from({ length: keys }, (_, j) => {
      const terms = Array.from(
        { length: width },
        (_, d) => get(q, [b, i, h * width + d]) * get(k, [b, j, h * width + d]),
      );
      return allowed(b, i, j) ? total(terms) / Math.sqrt(width) : Number.NEGATIVE_INFINITY;
    });
  const lse = tensor([batch, heads, time], ([b = 0, h = 0, i = 0]) => logSum(scores(b, h, i)));
  const out = tensor(q.shape, ([b = 0, i = 0, column = 0]) => {
    const h = Math.floor(column / width);
    const normaliser = get(lse, [b, h, i]);
    const terms = scores(b, h, i).map((score, j) => {
      const element = ((b * heads + h) * time + i) * keys + j;
      const drops = attributes.rate !== undefined && !kept(element, key as Tensor, attributes);
      const scale = attributes.rate === undefined ? 1 : 1 / (1 - Number(attributes.rate));
      const probability = score === Number.NEGATIVE_INFINITY || drops ? 0 : Math.exp(score - normaliser);
      return probability * scale * get(v, [b, j, column]);
    });
    return total(terms);
  });
  const levels = tensor([batch, heads, 2, time], ([b = 0, h = 0, line = 0, i = 0]) =>
    levelOf(scores(b, h, i), line),
  );
  return [out, levels];
}

/** All labellings of a sequence with their scores. */
function* labellings(
  inputs: readonly Tensor[],
  b: number,
  length: number,
): Generator<{ readonly tags: readonly number[]; readonly score: number }> {
  const [emissions, transitions, start, stop] = inputs as [Tensor, Tensor, Tensor, Tensor];
  const labels = emissions.shape[2] ?? 1;
  for (let code = 0; code < labels ** length; code++) {
    const tags = indexOf(code, Array<number>(length).fill(labels));
    const parts = tags.map((tag, t) => {
      const before = tags[t - 1];
      return (
        get(emissions, [b, t, tag]) +
        (before === undefined ? get(start, [tag]) : get(transitions, [before, tag]))
      );
    });
    const last = tags.at(-1);
    yield { tags, score: total(parts) + (last === undefined ? 0 : get(stop, [last])) };
  }
}

function crfLoss([emissions, tags, lengths, ...scores]: readonly Tensor[]): Tensor {
  const chain = [emissions as Tensor, ...scores];
  return tensor((lengths as Tensor).shape, ([b = 0]) => {
    const length = get(lengths as Tensor, [b]);
    const all = [...labellings(chain, b, length)];
    const own = Array.from({ length }, (_, t) => get(tags as Tensor, [b, t]));
    const gold = all.find((path) => path.tags.every((tag, t) => tag === own[t]));
    return length === 0 ? 0 : logSum(all.map(({ score }) => score)) - (gold?.score ?? Number.NaN);
  });
}

function crfDecode([emissions, lengths, ...scores]: readonly Tensor[]): readonly Tensor[] {
  const [batch, time] = (emissions as Tensor).shape as [number, number];
  const best = Array.from({ length: batch }, (_, b) => {
    const length = get(lengths as Tensor, [b]);
    const all = [...labellings([emissions as Tensor, ...scores], b, length)];
    return length === 0
      ? { tags: [], score: 0 }
      : all.reduce((x, y) => (y.score > x.score ? y : x), all[0] as { tags: number[]; score: number });
  });
  return [
    tensor([batch, time], ([b = 0, t = 0]) => best[b]?.tags[t] ?? 0),
    tensor([batch], ([b = 0]) => best[b]?.score ?? 0),
  ];
}

const negated = ({ shape, data }: Tensor): Tensor => ({ shape, data: Array.from(data, (x) => -x) });

const softmax = (x: Tensor, axis: number): Tensor => {
  const at = atAxis(axis, x.shape.length);
  return along(x, at, (row, index) => Math.exp((row[index[at] ?? 0] ?? 0) - logSum(row)));
};

const one = (f: (x: Tensor, attributes: Attributes) => Tensor): Reference => {
  return ([x], attributes) => [f(x as Tensor, attributes)];
};

export const references: Readonly<Record<string, Reference>> = {
  add: each((x = 0, y = 0) => x + y),
  sub: each((x = 0, y = 0) => x - y),
  mul: each((x = 0, y = 0) => x * y),
  div: each((x = 0, y = 0) => x / y),
  maximum: each(Math.max),
  minimum: each(Math.min),
  neg: each((x = 0) => -x),
  abs: each(Math.abs),
  exp: each(Math.exp),
  log: each(Math.log),
  sqrt: each(Math.sqrt),
  rsqrt: each((x = 0) => 1 / Math.sqrt(x)),
  tanh: each(Math.tanh),
  erf: each(erf),
  gelu: each((x = 0) => x * cdf(x)),
  tanhSlope: each((x = 0) => 1 / Math.cosh(x) ** 2),
  geluSlope: each((x = 0) => cdf(x) + x * pdf(x)),
  relu: each((x = 0) => Math.max(x, 0)),
  sigmoid: each((x = 0) => 1 / (1 + Math.exp(-x))),
  floor: each(Math.floor),
  isFinite: each((x = 0) => +Number.isFinite(x)),
  equal: each((x, y) => +(x === y)),
  notEqual: each((x, y) => +(x !== y)),
  less: each((x = 0, y = 0) => +(x < y)),
  lessEqual: each((x = 0, y = 0) => +(x <= y)),
  greater: each((x = 0, y = 0) => +(x > y)),
  greaterEqual: each((x = 0, y = 0) => +(x >= y)),
  and: each((x = 0, y = 0) => x & y),
  or: each((x = 0, y = 0) => x | y),
  not: each((x = 0) => 1 - x),
  where: each((condition, yes = 0, no = 0) => (condition ? yes : no)),
  cast: (inputs, { dtype }) => each(casts[String(dtype)] ?? ((x = 0) => x))(inputs, {}),
  matmul: ([x, y], attributes) => [matmul(x as Tensor, y as Tensor, attributes)],
  linear: ([x, weight, bias]) => {
    const y = matmul(x as Tensor, weight as Tensor, {});
    return [tensor(y.shape, (index) => get(y, index) + (bias ? get(bias, index) : 0))];
  },
  sum: ([x], attributes) => reduce(x as Tensor, attributes, total),
  mean: ([x], attributes) => reduce(x as Tensor, attributes, (values) => total(values) / values.length),
  max: ([x], attributes) => reduce(x as Tensor, attributes, (values) => Math.max(...values)),
  argmax: one((x, { axis = -1 }) => {
    const at = atAxis(Number(axis), x.shape.length);
    const [all] = reduce(x, { axes: [at] }, (values) => values.indexOf(Math.max(...values)));
    return all as Tensor;
  }),
  reshape: one((x, { shape }) => {
    const wanted = shape as number[];
    const known = wanted.filter((size) => size >= 0).reduce((a, b) => a * b, 1);
    return { ...x, shape: wanted.map((size) => (size < 0 ? x.data.length / known : size)) };
  }),
  transpose: one((x, { permutation }) => {
    const order = permutation as number[];
    return tensor(
      order.map((axis) => x.shape[axis] ?? 1),
      (index) =>
        get(
          x,
          x.shape.map((_, axis) => index[order.indexOf(axis)] ?? 0),
        ),
    );
  }),
  broadcast: one((x, { shape }) => tensor(shape as number[], (index) => get(x, index))),
  copy: one((x) => x),
  concat: (inputs, { axis }) => [concat(inputs, Number(axis))],
  slice: one(slice),
  sliceGradient: one((x, { axis, start, size }) => {
    const at = Number(axis);
    return tensor(x.shape.with(at, Number(size)), (index) => {
      const place = (index[at] ?? 0) - Number(start);
      return place >= 0 && place < (x.shape[at] ?? 1) ? get(x, index.with(at, place)) : 0;
    });
  }),
  gather: ([table, ids]) => {
    const [rows, picks] = [table as Tensor, ids as Tensor];
    const rank = picks.shape.length;
    return [
      tensor([...picks.shape, ...rows.shape.slice(1)], (index) =>
        get(rows, [get(picks, index.slice(0, rank)), ...index.slice(rank)]),
      ),
    ];
  },
  clampIndex: ([ids], { low, below }) => [
    tensor((ids as Tensor).shape, (index) =>
      Math.max(Math.min(get(ids as Tensor, index), Number((below as number[])[0]) - 1), Number(low)),
    ),
  ],
  gatherGradient: ([dy, ids], { shape }) => {
    const [upstream, picks] = [dy as Tensor, ids as Tensor];
    return [
      tensor(shape as number[], ([row, ...rest]) =>
        total(
          Array.from(picks.data, (id, i) =>
            id === row ? get(upstream, [...indexOf(i, picks.shape), ...rest]) : 0,
          ),
        ),
      ),
    ];
  },
  softmax: one((x, { axis = -1 }) => softmax(x, Number(axis))),
  softmaxGradient: ([y, dy], { axis = -1 }) => {
    const [result, upstream] = [y as Tensor, dy as Tensor];
    const products = tensor(result.shape, (index) => get(result, index) * get(upstream, index));
    const sums = along(products, Number(axis), total);
    return [tensor(result.shape, (index) => get(result, index) * (get(upstream, index) - get(sums, index)))];
  },
  logSoftmax: one((x, { axis = -1 }) => {
    const probabilities = softmax(x, Number(axis));
    return { ...x, data: Array.from(probabilities.data, Math.log) };
  }),
  layerNorm: (inputs, { epsilon }) => layerNorm(inputs, Number(epsilon)),
  dropout: (inputs, attributes) => [dropout(inputs, attributes)],
  crossEntropy,
  attention,
  crfLogLikelihood: (inputs) => [negated(crfLoss(inputs))],
  crfLoss: (inputs) => [crfLoss(inputs)],
  crfDecode,
};

/** A tensor as the runtime gives it, for a reference. */
export const asTensor = ({ shape, data }: TensorValue): Tensor => ({ shape, data });
