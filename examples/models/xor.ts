// The exclusive or of two bits, which no line separates: two layers learn it.
import { type Device, declare, graph, linear, mean, mul, sgd, sigmoid, sub, tanh } from 'frond';
import { learn, rows } from './training.ts';

export const model = graph(
  'xor',
  (_, { bits, answer }) => {
    const hidden = tanh(linear(bits, 8, { name: 'hidden' }));
    const guess = sigmoid(linear(hidden, 1, { name: 'out' }));
    const error = sub(guess, answer);
    return { guess, loss: mean(mul(error, error), [0, 1]) };
  },
  { inputs: { bits: declare('f32', ['batch', 2]), answer: declare('f32', ['batch', 1]) }, training: true },
);

const table = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
];
const answers = table.map(([a, b]) => [Number(a !== b)]);

export const train = (device: Device) =>
  learn(model, { device, optimizer: sgd({ rate: 0.5, momentum: 0.9, nesterov: true }), steps: 300 }, () => ({
    bits: rows('f32', table),
    answer: rows('f32', answers),
  }));
