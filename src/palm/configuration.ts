import { platform } from '#platform';
import { FrondError } from '../base/errors.ts';
import { fingerprint } from '../base/random.ts';
import type { Attribute } from '../ir/graph.ts';
import { lengthsOf, packBatch, slices } from './batches.ts';
import type { ComponentRecord, Reader } from './contract.ts';
import type { LearnerPlan } from './learner.ts';
import { graphFingerprint } from './record.ts';

/** What must be equal for a run to go on where another one stopped. */
export type Configuration = Readonly<Record<string, Attribute>> & { readonly trainingData: string };

/** Settings and data that a resumed run must share with the one it continues. */
export async function configurationOf(plan: LearnerPlan): Promise<Configuration> {
  const { rate, rule, settings } = plan.optimizer;
  return {
    tasks: plan.tasks.map(({ name, weight }) => ({ name, weight })),
    graph: graphFingerprint(plan.step),
    optimizer: { name: rule.name, ...settings },
    schedule: { name: rate.name, parameters: rate.parameters },
    clipNorm: plan.clipNorm,
    ...plan.settings,
    epochs: plan.epochs,
    batchSize: plan.batchSize,
    seed: plan.seed,
    trainingData: await dataFingerprint(plan.reader),
    reader: readerSettings(plan.reader.record ?? { kind: 'own' }),
  };
}

/** Settings by name, so that a difference can be said; lists, such as a vocabulary, by one fingerprint. */
function readerSettings(record: ComponentRecord): Attribute {
  const fields = Object.entries(record);
  const settings = fields.filter(([, value]) => !Array.isArray(value));
  const lists = fields.filter(([, value]) => Array.isArray(value));
  return { ...Object.fromEntries(settings), lists: fingerprint(JSON.stringify(lists)) };
}

/** Examples that are packed together for their fingerprint. */
const PACKED = 64;

/**
 * Tells training parts apart by the numbers that the model would see, in order: where the data lies, and what else its reader
 * keeps of it, does not matter.
 */
async function dataFingerprint(reader: Reader): Promise<string> {
  const encoder = new TextEncoder();
  let digest = '';
  for (const examples of slices(reader.parts.train ?? [], PACKED)) {
    const time = Math.max(...lengthsOf(reader, examples));
    const batch = packBatch(reader, examples, { batch: examples.length, time });
    for (const [name, { dtype, shape, data }] of Object.entries(batch)) {
      const label = encoder.encode(`${digest} ${name}: ${dtype}[${shape.join()}] `);
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      const both = new Uint8Array(label.length + bytes.length);
      both.set(label);
      both.set(bytes, label.length);
      digest = await platform.sha256(both);
    }
  }
  return digest.slice(0, 16);
}

/** @throws FROND-F030 naming every setting that differs */
export function checkConfiguration(saved: Configuration, current: Configuration, folder: string): void {
  const names = [...new Set([...Object.keys(saved), ...Object.keys(current)])];
  const differing = names.filter((name) => JSON.stringify(saved[name]) !== JSON.stringify(current[name]));
  if (differing.length === 0) return;
  const shown = differing.map(
    (name) => `${name} was ${JSON.stringify(saved[name])}, is ${JSON.stringify(current[name])}`,
  );
  throw new FrondError('FROND-F030', `the run in ${folder} cannot be resumed: ${shown.join('; ')}`, {
    place: { file: folder },
    hint: 'resume with the settings and the data that it began with, or start a new run in another folder',
  });
}
