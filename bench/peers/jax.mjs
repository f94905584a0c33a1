// jax-js on its WebAssembly device, one thread (it has workers in browsers only), as a contender; see ../contender.ts.
import { serve } from '../contender.ts';

// einsum calls methods of iterators that Node has from 22 on; this is all that it takes
const iterators = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));
for (const method of ['map', 'filter', 'some', 'every', 'find', 'reduce', 'forEach']) {
  iterators[method] ??= function (...args) {
    return Array.from(this)[method](...args);
  };
}
iterators.toArray ??= function () {
  return Array.from(this);
};

const {
  blockUntilReady,
  defaultDevice,
  init,
  jit,
  nn,
  numpy: np,
  tree,
  valueAndGrad,
} = await import('@jax-js/jax');
await init('wasm');
defaultDevice('wasm');

let seed = 1;
/** Normal numbers by Box and Muller. */
const normals = (length, scale) =>
  Float32Array.from({ length }, () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    const u = (seed + 1) / 2 ** 32;
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return scale * Math.sqrt(-2 * Math.log(u)) * Math.cos((2 * Math.PI * seed) / 2 ** 32);
  });
const draw = (shape, scale) =>
  np
    .array(
      normals(
        shape.reduce((a, b) => a * b),
        scale,
      ),
    )
    .reshape(shape);

function matmul({ rows, inner, transposed }) {
  const x = draw([rows, inner], 1);
  const w = draw([inner, inner], inner ** -0.5);
  const product = jit((a, b) => np.matmul(a, transposed ? np.transpose(b) : b));
  return {
    async run() {
      const out = product(x.ref, w.ref);
      await blockUntilReady(out);
      out.dispose();
    },
  };
}

const vector = (width, value) => np.full([width], value);
const map = (from, to) => ({ weight: draw([from, to], 0.02), bias: vector(to, 0) });
const norm = (width) => ({ scale: vector(width, 1), shift: vector(width, 0) });

const linear = (x, { weight, bias }) => np.matmul(x, weight).add(bias);

function layerNorm(x, { scale, shift }) {
  const centred = x.ref.sub(np.mean(x, -1, { keepdims: true }));
  const variance = np.mean(centred.ref.mul(centred.ref), -1, { keepdims: true });
  return centred
    .div(np.sqrt(variance.add(1e-5)))
    .mul(scale)
    .add(shift);
}

function attention(x, layer, { batch, time, width, heads }) {
  const split = (y) => y.reshape([batch, time, heads, width / heads]).transpose([0, 2, 1, 3]);
  const q = split(linear(x.ref, layer.query));
  const k = split(linear(x.ref, layer.key));
  const v = split(linear(x, layer.value));
  const scores = np.matmul(q, k.transpose([0, 1, 3, 2])).mul((width / heads) ** -0.5);
  const mixed = np.matmul(nn.softmax(scores, -1), v);
  return linear(mixed.transpose([0, 2, 1, 3]).reshape([batch, time, width]), layer.output);
}

function block(x, layer, at) {
  const y = x.ref.add(attention(layerNorm(x, layer.attentionNorm), layer, at));
  const hidden = nn.gelu(linear(layerNorm(y.ref, layer.feedForwardNorm), layer.inner), {
    approximate: false,
  });
  return y.add(linear(hidden, layer.outer));
}

function parametersOf({ layers, width, inner }, classes) {
  const layer = () => ({
    ...{
      attentionNorm: norm(width),
      query: map(width, width),
      key: map(width, width),
      value: map(width, width),
    },
    ...{
      output: map(width, width),
      feedForwardNorm: norm(width),
      inner: map(width, inner),
      outer: map(inner, width),
    },
  });
  return { layers: Array.from({ length: layers }, layer), norm: norm(width), head: map(width, classes) };
}

/** Forward and backward and, where `update` says so, Adam, all in one jit. */
function step({ at, classes, update }) {
  const positions = at.batch * at.time;
  const labels = np.array(
    Int32Array.from({ length: positions }, (_, i) => (i * 37) % classes),
    { dtype: np.int32 },
  );
  const gold = nn.oneHot(labels, classes);
  const x = draw([at.batch, at.time, at.width], 1);
  const loss = (parameters, x, gold) => {
    let y = x;
    for (const layer of parameters.layers) y = block(y, layer, at);
    const logits = linear(layerNorm(y, parameters.norm), parameters.head).reshape([positions, classes]);
    return nn
      .logSoftmax(logits, -1)
      .mul(gold)
      .sum()
      .mul(-1 / positions);
  };
  const gradient = valueAndGrad(loss);
  const moved = (m, g) => m.mul(0.9).add(g.mul(0.1));
  const squared = (v, g) => v.mul(0.999).add(g.ref.mul(g).mul(0.001));
  const changed = (p, m, v) => p.sub(m.div(np.sqrt(v).add(1e-8)).mul(1e-3));
  const whole = jit((parameters, m, v, x, gold) => {
    const [value, gradients] = gradient(tree.ref(parameters), x, gold);
    const nextM = tree.map(moved, m, tree.ref(gradients));
    const nextV = tree.map(squared, v, gradients);
    return [value, tree.map(changed, parameters, tree.ref(nextM), tree.ref(nextV)), nextM, nextV];
  });
  const half = jit((parameters, x, gold) => gradient(parameters, x, gold));
  let parameters = parametersOf(at, classes);
  const first = loss(tree.ref(parameters), x.ref, gold.ref).item();
  const zeros = () => tree.map((p) => np.zerosLike(p.ref), parameters);
  let [m, v] = update ? [zeros(), zeros()] : [];
  return {
    note: `first loss ${first.toFixed(3)}`,
    async run() {
      if (!update) {
        const results = half(tree.ref(parameters), x.ref, gold.ref);
        await blockUntilReady(results);
        tree.dispose(results);
        return;
      }
      let value;
      [value, parameters, m, v] = whole(parameters, m, v, x.ref, gold.ref);
      await blockUntilReady([value, parameters, m, v]);
      value.dispose();
    },
    close() {
      tree.dispose([parameters, m, v].filter(Boolean));
      for (const array of [x, gold]) array.dispose();
    },
  };
}

await serve({ matmul, step });
