import {
  crf,
  dropout,
  f32,
  gather,
  graph,
  i32,
  layerNorm,
  linear,
  mean,
  neg,
  normal,
  RANDOM_KEY,
  tanh,
} from '../../src/dsl/index.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { adamW } from '../../src/palm/optimizer.ts';
import { constant } from '../../src/palm/schedule.ts';
import type { BackwardOptions, Programs } from '../../src/palm/step.ts';
import { compile } from '../../src/runtime/compile.ts';
import type { Device } from '../../src/runtime/device.ts';
import type { Feeds } from '../../src/runtime/feeds.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
import { layoutParameters } from '../../src/runtime/parameters.ts';
import { ModelState } from '../../src/runtime/state.ts';
import { stepOf, updateFeeds } from '../support/step.ts';
import { bytes, i32Value } from './support.ts';

const optimizer = adamW({ rate: constant(0.02) });

/** A small tagger with dropout and a CRF: forward graph with outputs `loss` and `emissions`. */
export const tagger = (training: boolean): Graph =>
  graph(
    'tagger',
    (g) => {
      const tokens = g.input('tokens', i32, ['batch', 'time']);
      const x = gather(g.parameter('embedding', f32, [9, 8], normal(0.5)), tokens);
      const hidden = layerNorm(dropout(tanh(linear(x, 8, { name: 'hidden' })), 0.1), { name: 'norm' });
      const emissions = linear(hidden, 3, { name: 'emission' });
      if (!training) return { emissions };
      const scores = {
        transitions: g.parameter('transitions', f32, [3, 3], normal(0.1)),
        start: g.parameter('start', f32, [3], normal(0.1)),
        stop: g.parameter('stop', f32, [3], normal(0.1)),
      };
      const tags = g.input('tags', i32, ['batch', 'time']);
      const lengths = g.input('lengths', i32, ['batch']);
      return { loss: neg(mean(crf.logLikelihood(emissions, tags, lengths, scores), 0)), emissions };
    },
    { training },
  ).ir;

const settings = { optimizer, weightDecay: 0.01, clipNorm: 1 };
const { programs: plain } = stepOf(tagger(true), settings);

export async function classifier(
  options: Partial<BackwardOptions> & {
    readonly device?: Device;
    readonly disable?: readonly string[];
    readonly forward?: Graph;
  } = {},
) {
  const { device = interpreterDevice(), disable, forward = tagger(true), ...backward } = options;
  const { step, programs } = stepOf(forward, { ...settings, ...backward });
  const state = new ModelState(device, layoutParameters([step]));
  await state.initialize(3);
  const { executable } = await compile(step, { state, disable, check: true });
  return { executable, state, step, programs };
}

/** Batch `step` of `batch` sentences, their lengths 1 … 4; `programs` where they are not those of a plain `classifier`. */
export function feedsFor(step: number, batch: number, programs: Programs = plain): Feeds {
  const draw = (count: number, below: number) =>
    Array.from({ length: count }, (_, i) => (i * 7 + step * 3 + ((i * i) % 5)) % below);
  return {
    tokens: i32Value([batch, 4], draw(4 * batch, 9)),
    tags: i32Value([batch, 4], draw(4 * batch, 3)),
    lengths: i32Value(
      [batch],
      draw(batch, 4).map((length) => length + 1),
    ),
    ...updateFeeds(programs, step),
    [RANDOM_KEY]: { dtype: 'u32', shape: [2], data: Uint32Array.of(1, step) },
  };
}

/** The bytes of all weights and moments. */
export async function trainedWeights(state: ModelState): Promise<string> {
  const parts: string[] = [];
  for (const name of state.layout.entries.keys()) {
    const beside = state.entry(name).trained ? ['moment1', 'moment2'] : [];
    for (const arena of ['parameter', ...beside]) parts.push(bytes(await state.read(name, arena)));
  }
  return parts.join(' ');
}
