import { platform } from '#platform';
import { checkArguments } from '../../base/arguments.ts';
import { FrondError, type SourcePlace } from '../../base/errors.ts';
import * as is from '../../base/kinds.ts';
import { own } from '../../base/own.ts';
import type { Pieces } from '../../platform/types.ts';
import { type ByteSource, rangeOf, storedFile } from '../../store/file.ts';
import { partOf } from '../parts.ts';
import { decodeText, placeIn } from '../reader/text.ts';
import { checkSettings } from '../settings.ts';
import { type DataRecord, type Decoded, type Fail, FORMATS, type Format, type FormatName } from './format.ts';

/** A record with its place, for errors. */
export interface Row {
  readonly record: DataRecord;
  readonly file: string;
  /** of its beginning, from 1 */
  readonly line: number;
  /** where what it is read from begins */
  readonly begin: number;
  /** Where a column stands, or word `item` of it; `offset`: characters from there on. */
  placeOf(column: string, item?: number, offset?: number): SourcePlace;
}

/** Rows in their order, of which any can be read again. */
export interface RowSource {
  readonly name: string;
  /** All rows, many at a time. `onBytes` sees what they are read from. */
  pages(onBytes?: (bytes: Uint8Array) => void): AsyncIterable<readonly Row[]>;
  /** The row that begins there, before `end`. */
  read(begin: number, end: number, line: number): Promise<Row>;
}

/** The bytes of a record, without the end of its last line. */
interface RawRecord {
  readonly bytes: Uint8Array;
  readonly begin: number;
  readonly line: number;
}

/** Records that are decoded at once. */
const AT_ONCE = 1024;
/** No record is longer: beyond, a quote or a blank line is missing. */
const MOST_BYTES = 2 ** 22;

/**
 * Takes pages of a file and gives the records that are whole with each. Lines end as in Unix, Windows or old Macs; blank ones between
 * records do not count.
 */
export function scanner(
  file: string,
  { ends }: Format,
  line = 1,
): (page: Uint8Array, last: boolean) => RawRecord[] {
  let buffer = new Uint8Array(0);
  /** of the buffer in the file */
  let base = 0;
  /** of the record that is open, in the buffer */
  let open = -1;
  let [openLine, quotes, at] = [line, 0, 0];
  const isBlank = (from: number, to: number): boolean => {
    for (let i = from; i < to; i++)
      if (buffer[i] !== 32 && (ends !== 'blank line' || buffer[i] !== 9)) return false;
    return true;
  };
  return (page, last) => {
    const kept = buffer.subarray(open < 0 ? at : open);
    base += buffer.length - kept.length;
    at -= buffer.length - kept.length;
    open = Math.min(open, 0);
    buffer = new Uint8Array(kept.length + page.length);
    buffer.set(kept);
    buffer.set(page, kept.length);
    const found: RawRecord[] = [];
    const close = (end: number): void => {
      found.push({ bytes: buffer.subarray(open, end), begin: base + open, line: openLine });
      open = -1;
    };
    for (;;) {
      let [end, inLine] = [at, 0];
      for (; end < buffer.length && buffer[end] !== 10 && buffer[end] !== 13; end++)
        if (buffer[end] === 34) inLine++;
      // whether a line feed follows a carriage return is seen with the next page
      if (!last && (end >= buffer.length || (buffer[end] === 13 && end + 1 === buffer.length))) break;
      const blank = isBlank(at, end);
      if (open < 0 && !blank) [open, openLine, quotes] = [at, line, 0];
      quotes += inLine;
      if (open >= 0 && (ends === 'blank line' ? blank : ends === 'line' || quotes % 2 === 0)) close(end);
      if (end >= buffer.length) {
        at = buffer.length;
        break;
      }
      at = end + (buffer[end] === 13 && buffer[end + 1] === 10 ? 2 : 1);
      line++;
    }
    if (last && open >= 0) close(buffer.length);
    if (buffer.length - (open < 0 ? at : open) > MOST_BYTES) {
      throw new FrondError('FROND-D008', `a record is longer than ${MOST_BYTES} bytes`, {
        place: { file, line: open < 0 ? line : openLine, column: 1 },
        hint: 'is a quote left open, or are there no line ends? A record is one text with its labels',
      });
    }
    return found;
  };
}

/** A `Blob`, such as the `File` that a page is given. */
interface BlobLike {
  readonly size: number;
  readonly name?: string;
  slice(begin: number, end: number): { arrayBuffer(): Promise<ArrayBuffer> };
}
const blobKind = is.having<BlobLike>('a Blob', 'size', 'slice', 'arrayBuffer');
const sourceKind: is.Kind<string | Uint8Array | BlobLike> = {
  ...is.either(is.either(is.name, is.bytes), blobKind),
  what: 'the path of a file, its bytes, or a Blob',
};

export const openOptions = {
  /** how records stand in it; default: by the ending of its name */
  format: is.optional(is.oneOf(...(Object.keys(FORMATS) as FormatName[]))),
  /** names of the columns; of a table: it has no header */
  columns: is.optional(is.names),
  /** what errors call it; default: its path */
  name: is.optional(is.name),
  /** folder in which it is remembered where records begin, so that a large file need not be read as a whole again; for paths */
  cache: is.optional(is.name),
};
export type OpenOptions = is.OptionsOf<typeof openOptions>;

/** A file of records. Reading it again and again gives the same: `for await (const { text_a } of file)`. */
export interface DataFile extends RowSource, AsyncIterable<DataRecord> {
  readonly format: FormatName;
  /** where it lies, if it does, and where it is remembered */
  readonly path?: string;
  readonly cache?: string;
  /** as the file or the options name them; undefined where each record says its own */
  columns(): Promise<readonly string[] | undefined>;
  source(): Promise<ByteSource>;
  /** what its records depend on beside its bytes */
  readonly settings: { readonly format: FormatName; readonly columns: readonly string[] | null };
}

/**
 * A file of records in one of `FORMATS`. Nothing is read before it is used.
 * @throws FROND-T002 for options out of range, and a name that does not tell the format
 */
export function open(from: string | Uint8Array | BlobLike, options: OpenOptions = {}): DataFile {
  checkArguments('open', { from: sourceKind }, [from], 'FROND-T002');
  checkSettings('open', options, openOptions);
  const given = typeof from === 'string' ? from : from instanceof Uint8Array ? undefined : from.name;
  const { name: file = given ?? 'data', columns: names, cache } = options;
  const isHere = (ending: string): boolean => file.toLowerCase().endsWith(ending);
  const kinds = Object.keys(FORMATS) as FormatName[];
  const kind = options.format ?? kinds.find((name) => FORMATS[name].endings.some(isHere));
  if (kind === undefined) {
    throw new FrondError('FROND-T002', `open: the format of ${file} is not known`, {
      hint: `give format, one of ${kinds.join(', ')}`,
    });
  }
  const format: Format = FORMATS[kind];
  let source: Promise<ByteSource> | undefined;
  const opened = (): Promise<ByteSource> => {
    source ??= sourceOf(from);
    return source;
  };

  async function* raw(onBytes?: (bytes: Uint8Array) => void): AsyncGenerator<readonly RawRecord[]> {
    const scan = scanner(file, format);
    for await (const page of rangeOf(await opened()) as Pieces) {
      onBytes?.(page);
      yield scan(page, false);
    }
    yield scan(new Uint8Array(0), true);
  }
  function textOf({ bytes, line }: RawRecord) {
    const text = decodeText(bytes, file, line);
    const placeAt = (offset: number): SourcePlace => placeIn(text, offset, file, line);
    const fail: Fail = (code, summary, offset, hint) => {
      throw new FrondError(code, summary, { place: placeAt(offset), hint });
    };
    return { text, placeAt, fail };
  }
  let known: Promise<readonly string[] | undefined> | undefined;
  async function readColumns(): Promise<readonly string[] | undefined> {
    if (names !== undefined || format.columns === undefined) return names;
    for await (const page of raw()) {
      for (const record of page) {
        const { text, fail } = textOf(record);
        const found = format.columns(text, fail);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  }
  const columns = (): Promise<readonly string[] | undefined> => {
    known ??= readColumns();
    return known;
  };
  function rowsIn(records: readonly RawRecord[], named: readonly string[]): Row[] {
    return records.flatMap((raw) => {
      const { text, placeAt, fail } = textOf(raw);
      const decoded: Decoded | undefined = format.decode(text, named, fail);
      if (decoded === undefined) return [];
      const { record, offsetOf } = decoded;
      const placeOf: Row['placeOf'] = (column, item, offset = 0) => placeAt(offsetOf(column, item) + offset);
      return [{ record, file, line: raw.line, begin: raw.begin, placeOf }];
    });
  }
  async function* pages(onBytes?: (bytes: Uint8Array) => void): AsyncGenerator<readonly Row[]> {
    const named = (await columns()) ?? [];
    let skip = format.header === true && names === undefined ? 1 : 0;
    let count = 0;
    for await (const page of raw(onBytes)) {
      for (let i = skip; i < page.length; i += AT_ONCE) {
        const rows = rowsIn(page.slice(i, i + AT_ONCE), named);
        count += rows.length;
        yield rows;
      }
      skip = Math.max(0, skip - page.length);
    }
    if (count > 0) return;
    throw new FrondError('FROND-D002', `${file} has no records`, {
      place: { file, line: 1, column: 1 },
      hint: 'give a file with at least one',
    });
  }
  return {
    name: file,
    format: kind,
    settings: { format: kind, columns: names ?? null },
    ...(typeof from === 'string' && { path: from }),
    ...(cache !== undefined && { cache }),
    columns,
    source: opened,
    pages,
    async read(begin, end, line) {
      const bytes = await (await opened()).read(begin, end);
      const records = scanner(file, format, line)(bytes, true).slice(0, 1);
      const [row] = rowsIn(records, (await columns()) ?? []);
      if (row !== undefined) return row;
      throw new FrondError('FROND-D001', `${file} has no record at byte ${begin} any more`, {
        place: { file, line },
        hint: 'the file was changed while it was in use: begin anew',
      });
    },
    async *[Symbol.asyncIterator]() {
      for await (const page of pages()) for (const { record } of page) yield record;
    },
  };
}

async function sourceOf(from: string | Uint8Array | BlobLike): Promise<ByteSource> {
  if (typeof from === 'string') return storedFile(from, platform.files);
  const isBytes = from instanceof Uint8Array;
  const size = isBytes ? from.length : from.size;
  const read = async (begin = 0, end = size): Promise<Uint8Array> =>
    isBytes ? from.slice(begin, end) : new Uint8Array(await from.slice(begin, end).arrayBuffer());
  return { size, read };
}

export const dataFileKind = is.typed<DataFile>(
  is.withFields('a file, such as palm.formats.open gives', {
    name: is.text,
    pages: is.callable,
    read: is.callable,
  }),
);

/** A record in memory as a row; where it was read, if it says so, or else its number in `name`. */
export function rowFrom(name: string, index: number, record: DataRecord): Row {
  const [file, line] = [own(record, 'file'), own(record, 'line')];
  const place = {
    file: is.text.holds(file) ? file : name,
    line: is.natural.holds(line) ? line : index + 1,
    column: 1,
  };
  return { record, ...place, begin: index, placeOf: () => place };
}

/** Rows of records in memory; `name` is that of their part. */
export function rowsOf(name: string, records: readonly object[]): RowSource {
  const rowAt = (index: number): Row => rowFrom(name, index, (records[index] ?? {}) as DataRecord);
  return {
    name,
    async *pages(onBytes) {
      onBytes?.(new TextEncoder().encode(partOf(records, () => 1).digest));
      yield records.map((_, index) => rowAt(index));
    },
    read: async (begin) => rowAt(begin),
  };
}
