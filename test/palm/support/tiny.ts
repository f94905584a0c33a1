import { join } from 'node:path';
import { type Device, interpreterDevice, loadLatest, palm } from '../../../src/index.ts';
import { bytesIn } from '../../store/support/bytes.ts';

/** What a tiny run may change; everything else is fixed. */
export interface TinyOptions {
  readonly seed?: number;
  readonly epochs?: number;
  readonly batchSize?: number;
  readonly rate?: number;
  readonly dropout?: number;
  readonly width?: number;
  readonly weightDecay?: number;
  readonly clipNorm?: number;
  /** batches of a step */
  readonly accumulate?: number;
  /** what else `buildBackward` is given */
  readonly backward?: Partial<palm.BackwardOptions>;
  /** factor of the loss of intents */
  readonly weight?: number;
  /** training sentences */
  readonly sentences?: number;
  readonly warmup?: number;
  /** default: triangular, with the warm-up */
  readonly schedule?: palm.Schedule;
  /** default: the words of the sentences */
  readonly vocabulary?: number;
  /** default: the interpreter */
  readonly device?: Device;
}

const CITIES = ['rome', 'oslo', 'lima'];
const ROOMS = ['kitchen', 'attic', 'hall', 'cellar'];

function example(i: number): palm.JointExample {
  const [city = '', room = ''] = [CITIES[i % 3], ROOMS[i % 4]];
  switch (i % 3) {
    case 0:
      return { words: ['fly', 'to', city], tags: ['O', 'O', 'B-city'], intent: 'travel' };
    case 1:
      return { words: ['light', 'in', 'the', room], tags: ['O', 'O', 'O', 'B-room'], intent: 'light' };
    default:
      return {
        words: ['from', city, 'please', 'fly', 'to', CITIES[(i + 1) % 3] ?? ''],
        tags: ['O', 'B-city', 'O', 'O', 'O', 'B-city'],
        intent: 'travel',
      };
  }
}

/** Sentences of three forms, in memory: 6 batches of 4 per epoch by default, the last one partial. */
export function tinyReader({ sentences = 22 }: TinyOptions = {}) {
  const examples = Array.from({ length: sentences }, (_, i) => example(i));
  const parts = { train: examples, valid: examples.slice(0, 6), test: examples.slice(3, 9) };
  return palm.reader.jointReaderOf(parts, { minimumCount: 1 });
}

export type TinyReader = ReturnType<typeof tinyReader>;

export function tinyBackbone(reader: TinyReader, options: TinyOptions = {}) {
  const { width = 8, dropout = 0.2, vocabulary = reader.vocabulary.tokens.length } = options;
  return palm.backbone.compactEncoder({
    vocabulary,
    width,
    layers: 1,
    heads: 2,
    inner: 2 * width,
    dropout,
    outerDropout: dropout,
  });
}

/** Two tasks on one encoder, ready to be trained. */
export function tinyTrainer(options: TinyOptions = {}, reader: TinyReader = tinyReader(options)) {
  const { rate = 0.01, warmup = 0.2, seed = 5, epochs = 2, batchSize = 4 } = options;
  const backbone = tinyBackbone(reader, options);
  const intent = palm.trainer('intent', { weight: options.weight ?? 1 });
  const slots = palm.trainer('slots');
  intent.buildForward(backbone, palm.head.classify({ classes: reader.intents.names }));
  slots.buildForward(backbone, palm.head.sequenceLabel({ labels: reader.tags.names }));
  const both = palm.multiHeadTrainer([intent, slots], {
    metrics: palm.head.exactMatch({ intent: 'intent', slots: 'slots' }),
    device: options.device ?? interpreterDevice(),
  });
  both.buildForward();
  both.buildBackward({
    optimizer: palm.adamW({ rate: options.schedule ?? palm.triangular({ warmup }, rate) }),
    weightDecay: options.weightDecay ?? 0.01,
    clipNorm: options.clipNorm ?? 1,
    accumulate: options.accumulate ?? 1,
    ...options.backward,
  });
  both.fitReader(reader, { epochs, batchSize, seed });
  return both;
}

/** Momentum of stochastic gradient descent, or its plain form, which keeps nothing. */
export const descent = (moments: 0 | 1) =>
  palm.defineOptimizer({
    name: `descent${moments}`,
    moments,
    settings: { beta: 0.9 },
    apply(k, { parameter, gradient, moment1, rate, settings }) {
      const velocity = moments === 0 ? gradient : k.add(k.mul(moment1, settings.beta), gradient);
      return { ...(moments && { moment1: velocity }), parameter: k.sub(parameter, k.mul(rate, velocity)) };
    },
  })({ rate: 0.1 });

/** Steps of an epoch, and of a whole run, of the default tiny trainer. */
export const PER_EPOCH = 6;
export const STEPS = 12;

/** Aborts after step `step`: at once for 0. */
export function stopAfter(step: number): { readonly signal: AbortSignal; readonly on: palm.Listener } {
  const stop = new AbortController();
  if (step === 0) stop.abort();
  return {
    signal: stop.signal,
    on: (event) => {
      if (event.type === 'step' && event.step === step) stop.abort();
    },
  };
}

/** Events without what a clock decides. */
export function timeless(event: palm.TrainingEvent): unknown {
  if (event.type === 'step') return { ...event, stepsPerSecond: 0, secondsLeft: 0 };
  return event.type === 'end' ? { ...event, seconds: 0 } : event;
}

/** The newest checkpoint of a run, its files in base 64, for comparing. */
export async function stateOf(run: string): Promise<Record<string, string>> {
  const checkpoint = await loadLatest(join(run, 'checkpoints'));
  const files = [...(await bytesIn(checkpoint))];
  const texts = files.map(([name, bytes]) => [name, Buffer.from(bytes).toString('base64')] as const);
  return { step: String(checkpoint.step), ...Object.fromEntries(texts) };
}
