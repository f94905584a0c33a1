// TensorFlow.js on XNNPACK in WebAssembly, one thread, as a contender; see ../contender.ts.
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
// registers the gradients of ops
import '@tensorflow/tfjs-layers';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { serve } from '../contender.ts';

setWasmPaths(fileURLToPath(new URL('node_modules/@tensorflow/tfjs-backend-wasm/dist/', import.meta.url)));
await tf.setBackend('wasm');
await tf.ready();

async function matmul({ rows, inner }) {
  const x = tf.randomNormal([rows, inner]);
  const w = tf.randomNormal([inner, inner], 0, inner ** -0.5);
  return {
    run() {
      tf.matMul(x, w).dispose();
    },
    close() {
      tf.dispose([x, w]);
    },
  };
}

const vector = (width, value) => tf.variable(tf.fill([width], value));
const map = (from, to) => ({
  weight: tf.variable(tf.randomNormal([from, to], 0, 0.02)),
  bias: vector(to, 0),
});
const norm = (width) => ({ scale: vector(width, 1), shift: vector(width, 0) });

/** Rows times weights: products of rank 2 are those with gradients and fused speed. */
const linear = (x, { weight, bias }) => tf.add(tf.matMul(x, weight), bias);

function layerNorm(x, { scale, shift }) {
  const centred = tf.sub(x, tf.mean(x, -1, true));
  const variance = tf.mean(tf.mul(centred, centred), -1, true);
  return tf.add(tf.mul(tf.div(centred, tf.sqrt(tf.add(variance, 1e-5))), scale), shift);
}

const gelu = (x) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));

function attention(x, layer, { batch, time, width, heads }) {
  const split = (y) => tf.transpose(tf.reshape(y, [batch, time, heads, width / heads]), [0, 2, 1, 3]);
  const [q, k, v] = ['query', 'key', 'value'].map((name) => split(linear(x, layer[name])));
  const scores = tf.mul(tf.matMul(q, k, false, true), (width / heads) ** -0.5);
  const mixed = tf.transpose(tf.matMul(tf.softmax(scores), v), [0, 2, 1, 3]);
  return linear(tf.reshape(mixed, [batch * time, width]), layer.output);
}

function block(x, layer, at) {
  const y = tf.add(x, attention(layerNorm(x, layer.attentionNorm), layer, at));
  return tf.add(y, linear(gelu(linear(layerNorm(y, layer.feedForwardNorm), layer.inner)), layer.outer));
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

function step({ at, classes }) {
  const positions = at.batch * at.time;
  const x = tf.randomNormal([positions, at.width]);
  const gold = tf.oneHot(
    tf.tensor1d(
      Array.from({ length: positions }, (_, i) => (i * 37) % classes),
      'int32',
    ),
    classes,
  );
  const parameters = parametersOf(at, classes);
  const loss = () => {
    let y = x;
    for (const layer of parameters.layers) y = block(y, layer, at);
    const logits = linear(layerNorm(y, parameters.norm), parameters.head);
    return tf.mul(tf.sum(tf.mul(tf.logSoftmax(logits), gold)), -1 / positions);
  };
  const optimizer = tf.train.adam(1e-3);
  const first = tf.tidy(() => loss().dataSync()[0]);
  return {
    note: `first loss ${first.toFixed(3)}`,
    run() {
      optimizer.minimize(loss);
    },
    close() {
      tf.disposeVariables();
      tf.dispose([x, gold]);
    },
  };
}

await serve({ matmul, step });
