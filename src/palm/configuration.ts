import { show } from '../base/arguments.ts';
import { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { fingerprint } from '../base/random.ts';
import type { Attribute } from '../ir/graph.ts';
import { graphFingerprint } from './record.ts';
import { type Setup, type Source, tasksOf, trainingPart } from './setup.ts';

/** What must be equal for a run to go on where another one stopped. */
export type Configuration = Readonly<Record<string, Attribute>> & { readonly trainingData: string };

/** Settings and data that a resumed run must share with the one it continues. */
export function configurationOf(setup: Setup): Configuration {
  const { programs, settings, seed, sources } = setup;
  const { optimizer, clipNorm, record } = programs;
  const { rate, rule } = optimizer;
  const each = sources.map(sourceConfiguration);
  // names of tasks have no points
  const prefixed = each.map((one, i) =>
    sources.length === 1 ? one : mapKeys(one, (key) => `${sources[i]?.name}.${key}`),
  );
  const data = each.map(({ trainingData }) => trainingData);
  return {
    tasks: tasksOf(setup).map(({ name, weight }) => ({ name, weight })),
    ...Object.assign({}, ...prefixed),
    optimizer: { name: rule.name, ...optimizer.settings },
    schedule: { name: rate.name, parameters: rate.parameters },
    clipNorm,
    ...record,
    ...settings,
    seed,
    trainingData: data.join('; '),
  };
}

function sourceConfiguration(source: Source) {
  const { size, digest } = trainingPart(source);
  if (!is.name.holds(digest)) {
    throw new FrondError(
      'FROND-C006',
      `reader ${source.reader.name}: the digest of part train is ${show(digest)}`,
      {
        hint: 'it is a text that tells the part apart from one with other examples',
      },
    );
  }
  return {
    graph: graphFingerprint(source.step),
    trainingData: `${size} examples, ${digest.slice(0, 16)}`,
    reader: readerSettings(source.reader.record ?? { kind: 'own' }),
  };
}

const mapKeys = <T>(record: Readonly<Record<string, T>>, change: (key: string) => string) =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [change(key), value]));

/** Settings by name, so that a difference can be said; lists, such as a vocabulary, by one fingerprint. So with those of a tokenizer. */
function readerSettings(record: object): Attribute {
  const fields = Object.entries(record);
  const settings = fields.filter(([, value]) => !Array.isArray(value));
  const lists = fields.filter(([, value]) => Array.isArray(value));
  const inner = settings.map(([name, value]) => [
    name,
    is.object.holds(value) ? readerSettings(value) : value,
  ]);
  return { ...Object.fromEntries(inner), lists: fingerprint(JSON.stringify(lists)) };
}

/** How earlier versions told training data apart: by the batches that were packed of them. */
const isPacked = (name: string, value: unknown): boolean =>
  /(^|\.)trainingData$/.test(name) && /^[0-9a-f]{16}$/.test(String(value));

/**
 * @returns a warning where the training data cannot be compared
 * @throws FROND-F030 naming every setting that differs, but for the epochs: a run may go on for another number of them
 */
export function checkConfiguration(
  saved: Configuration,
  current: Configuration,
  folder: string,
): string | undefined {
  const all = [...new Set([...Object.keys(saved), ...Object.keys(current)])];
  const names = all.filter((name) => name !== 'epochs' && !isPacked(name, saved[name]));
  const differing = names.filter((name) => JSON.stringify(saved[name]) !== JSON.stringify(current[name]));
  if (differing.length === 0) {
    const isEarlier = isPacked('trainingData', saved.trainingData);
    return isEarlier
      ? `${folder} is of an earlier version: whether the training data are the same is not known`
      : undefined;
  }
  const shown = differing.map(
    (name) => `${name} was ${JSON.stringify(saved[name])}, is ${JSON.stringify(current[name])}`,
  );
  throw notResumable(folder, shown.join('; '), 'resume with the settings and the data that it began with');
}

export const notResumable = (folder: string, why: string, advice: string): FrondError =>
  new FrondError('FROND-F030', `the run in ${folder} cannot be resumed: ${why}`, {
    place: { file: folder },
    hint: `${advice}, or start a new run in another folder`,
  });
