import { interpreterDevice, palm } from '../../../src/index.ts';
import { type TinyOptions, tinyBackbone, tinyReader } from './tiny.ts';

/** What the trainers of tasks, and fitting them, may be given. */
export interface AlternatingOptions extends TinyOptions {
  readonly intent?: palm.TrainerOptions;
  readonly slots?: palm.TrainerOptions;
  readonly fit?: Partial<palm.FitOptions>;
  /** default: intent, slots, and a third task that helps them: whether a sentence is of travel */
  readonly tasks?: readonly ('intent' | 'slots' | 'travel' | 'rooms')[];
}

/** Readers of unequal size over the same words. */
export function alternatingReaders(options: TinyOptions = {}) {
  const intent = tinyReader(options);
  const of = (length: number, from: number): typeof intent => {
    const examples = intent.parts.train?.examples.slice(from, from + length) ?? [];
    return { ...intent, parts: { ...intent.parts, train: palm.partOf(examples, intent.length) } };
  };
  return { intent, slots: of(13, 4), travel: of(9, 11), rooms: of(7, 2) };
}

/** Tasks on one encoder that alternate, ready to be trained. */
export function alternatingTrainer(options: AlternatingOptions = {}) {
  const { rate = 0.01, warmup = 0.2, seed = 5, epochs = 2, batchSize = 4 } = options;
  const { tasks = ['intent', 'slots', 'travel'] } = options;
  const readers = alternatingReaders(options);
  const backbone = tinyBackbone(readers.intent, options);
  const make = {
    intent: () => {
      const trainer = palm.trainer('intent', options.intent);
      trainer.buildForward(backbone, palm.head.classify({ classes: readers.intent.intents.names }));
      return trainer;
    },
    slots: () => {
      const trainer = palm.trainer('slots', options.slots);
      trainer.buildForward(backbone, palm.head.sequenceLabel({ labels: readers.intent.tags.names }));
      return trainer;
    },
    travel: () => {
      const trainer = palm.trainer('travel', { mixRatio: 0.5 });
      trainer.buildForward(backbone, palm.head.classify({ classes: readers.intent.intents.names }));
      trainer.setAux();
      return trainer;
    },
    rooms: () => {
      const trainer = palm.trainer('rooms', { mixRatio: 0.4 });
      trainer.buildForward(backbone, palm.head.sequenceLabel({ labels: readers.intent.tags.names }));
      return trainer;
    },
  };
  const all = palm.multiHeadTrainer(
    tasks.map((task) => make[task]()),
    { policy: 'alternate', device: options.device ?? interpreterDevice() },
  );
  all.buildForward();
  all.buildBackward({
    optimizer: palm.adamW({ rate: palm.triangular({ warmup }, rate) }),
    weightDecay: 0.01,
    clipNorm: 1,
    ...options.backward,
  });
  const given = Object.fromEntries(tasks.map((task) => [task, readers[task]]));
  all.fitReaders(given, {
    ...{ epochs, seed },
    ...(options.fit?.tokens === undefined ? { batchSize } : {}),
    ...options.fit,
  });
  return all;
}
