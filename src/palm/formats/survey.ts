import { platform } from '#platform';
import * as is from '../../base/kinds.ts';
import { readSafetensors, streamSafetensors } from '../../store/safetensors.ts';
import { type DataFile, dataFileKind, type Row, type RowSource } from './rows.ts';

// One pass over the rows of a part says all that training must know of them before its first step: where each begins, how long it
// is, and what the reader counts. What it finds in a file can be kept in a folder.

/** What looks at each row of a part. */
export interface Surveyor<S> {
  /** what its findings depend on beside the rows: JSON */
  readonly settings: unknown;
  /** Looks at a row; gives its length. */
  take(row: Row): number;
  /** what was counted, as plain data for JSON */
  summary(): S;
}

/** What is known of the rows of a part. */
export interface Surveyed<S> {
  readonly size: number;
  lengthOf(row: number): number;
  read(rows: readonly number[]): Promise<readonly Row[]>;
  /** of what the rows are read from, and of all that their lengths depend on */
  readonly digest: string;
  readonly summary: S;
}

/** Numbers kept of each row: where it begins in the file (two halves, the lower first), its line, its length. */
const FIELDS = 4;
const HIGH = 2 ** 32;

/** What one pass gives: numbers of rows, and of the file its hash and its end. */
interface Found<S> {
  readonly table: Uint32Array;
  readonly end: number;
  readonly hash: string;
  readonly summary: S;
}

async function pass<S>(source: RowSource, surveyor: Surveyor<S>): Promise<Found<S>> {
  const hash = platform.startHash();
  let [table, size, end] = [new Uint32Array(FIELDS * 1024), 0, 0];
  const onBytes = (bytes: Uint8Array): void => {
    hash.update(bytes);
    end += bytes.length;
  };
  for await (const page of source.pages(onBytes)) {
    for (const row of page) {
      if (size === table.length) {
        const longer = new Uint32Array(2 * size);
        longer.set(table);
        table = longer;
      }
      table.set([row.begin % HIGH, Math.floor(row.begin / HIGH), row.line, surveyor.take(row)], size);
      size += FIELDS;
    }
  }
  return { table: table.slice(0, size), end, hash: hash.digest(), summary: surveyor.summary() };
}

const digestOf = (...parts: readonly unknown[]): Promise<string> =>
  platform.sha256(new TextEncoder().encode(JSON.stringify(parts)));

/** Bytes at both ends of a file that tell, beside its size and time, whether it is still the same one. */
const ENDS = 2 ** 16;

/** What a file looks like without reading all of it. */
async function lookOf(file: DataFile, path: string): Promise<string> {
  const { size, modified } = await platform.files.statOf(path);
  const { read } = await file.source();
  const ends = [await read(0, Math.min(size, ENDS)), await read(Math.max(0, size - ENDS), size)];
  return digestOf(size, modified, ...(await Promise.all(ends.map(platform.sha256))));
}

const keptFields = { look: is.text, sum: is.text, end: is.notNegative, hash: is.text, summary: is.object };
const keptKind = is.withFields('what was found in a file', keptFields);

/** What an earlier pass over the same file found; undefined where there is nothing, or it is of another file or damaged. */
async function recall<S>(path: string, look: string): Promise<Found<S> | undefined> {
  if ((await platform.files.kindOf(path)) !== 'file') return undefined;
  try {
    const { tensors, metadata } = readSafetensors(await platform.files.readBytes(path), path);
    const kept = JSON.parse(metadata.get('found') ?? 'null') as is.OptionsOf<typeof keptFields>;
    const bytes = tensors.get('table')?.bytes ?? new Uint8Array();
    if (!keptKind.holds(kept) || kept.look !== look || (await platform.sha256(bytes)) !== kept.sum)
      return undefined;
    const table = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    return { ...kept, table, summary: kept.summary as S };
  } catch {
    return undefined;
  }
}

/** Keeps what was found. A crash leaves what there was, or all of it. */
async function remember<S>(path: string, look: string, { table, ...found }: Found<S>): Promise<void> {
  const { files, processId } = platform;
  const bytes = new Uint8Array(table.buffer, table.byteOffset, table.byteLength);
  const kept = { ...found, look, sum: await platform.sha256(bytes) };
  async function* pieces() {
    yield bytes;
  }
  const temporary = `${path}.${processId}.tmp`;
  const tensors = new Map([['table', { dtype: 'U32' as const, shape: [table.length], pieces }]]);
  const metadata = new Map([['found', JSON.stringify(kept)]]);
  await files.writeDurably(temporary, streamSafetensors({ tensors, metadata }));
  await files.rename(temporary, path);
}

/**
 * The rows of a source, read when they are asked for: 16 bytes of memory for each. A file with a cache is passed over once, and
 * again when it, its format or the settings of the surveyor have changed.
 * @throws what the rows and `take` throw; FROND-F… where the cache cannot be written
 */
export async function survey<S extends object>(
  source: RowSource,
  surveyor: Surveyor<S>,
): Promise<Surveyed<S>> {
  const file = dataFileKind.holds(source) ? source : undefined;
  const settings = await digestOf(file?.settings, surveyor.settings);
  const { table, end, hash, summary } = await found();
  const beginOf = (row: number): number =>
    (table[FIELDS * row] ?? end % HIGH) + HIGH * (table[FIELDS * row + 1] ?? Math.floor(end / HIGH));
  return {
    size: table.length / FIELDS,
    lengthOf: (row) => table[FIELDS * row + 3] ?? 0,
    read: (rows) =>
      Promise.all(
        rows.map((row) => source.read(beginOf(row), beginOf(row + 1), table[FIELDS * row + 2] ?? 0)),
      ),
    digest: await digestOf(hash, settings),
    summary,
  };

  async function found(): Promise<Found<S>> {
    if (file?.cache === undefined || file.path === undefined) return pass(source, surveyor);
    const { files } = platform;
    const key = (await digestOf(await files.realPath(file.path), settings)).slice(0, 16);
    const path = files.join(file.cache, `${files.nameOf(file.path)}.${key}.index`);
    const look = await lookOf(file, file.path);
    const earlier = await recall<S>(path, look);
    if (earlier !== undefined) return earlier;
    const now = await pass(source, surveyor);
    await files.makeFolder(file.cache);
    await remember(path, look, now);
    return now;
  }
}
