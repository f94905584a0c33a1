import { show } from '../base/arguments.ts';
import { FrondError } from '../base/errors.ts';
import { JsonCursor } from './json.ts';

/** Element types of the format, with their bits. */
export const BITS = {
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  BOOL: 8,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  U16: 16,
  I16: 16,
  F16: 16,
  BF16: 16,
  U32: 32,
  I32: 32,
  F32: 32,
  U64: 64,
  I64: 64,
  F64: 64,
  C64: 64,
} as const;
export type StoredType = keyof typeof BITS;

/** The format's own limit; it bounds tensors too, as each takes 50 bytes of it at least. */
export const MAX_HEADER = 100_000_000;
const MAX_RANK = 32;
const MAX_METADATA = 10_000;

/** A tensor as the header describes it; its bytes are begin … end − 1 of the data. */
export interface HeaderEntry {
  readonly name: string;
  readonly dtype: StoredType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface Header {
  readonly entries: readonly HeaderEntry[];
  readonly metadata: ReadonlyMap<string, string>;
}

export const invalid = (file: string, what: string): FrondError =>
  new FrondError('FROND-W001', `${file} is not a valid safetensors file: ${what}`, {
    place: { file },
    hint: 'the file is damaged or was not written by a safetensors library; copy it again',
  });

const isStoredType = (name: string): name is StoredType => Object.hasOwn(BITS, name);

/**
 * Reads a header by its own grammar, so that whatever does not belong there is refused where it stands: nothing is built of a
 * hostile header but its entries up to the first mistake.
 */
export function parseHeader(bytes: Uint8Array, file: string): Header {
  const fail = (what: string): never => {
    throw invalid(file, what);
  };
  if (bytes[0] !== 0x7b) fail('the header does not start with {');
  const cursor = new JsonCursor(decode(bytes, fail), file);
  const entries: HeaderEntry[] = [];
  const metadata = new Map<string, string>();
  cursor.members((name) => {
    if (name === '__metadata__') readMetadata(cursor, metadata, fail);
    else entries.push(readEntry(cursor, name, fail));
  });
  cursor.end();
  return { entries, metadata };
}

type Fail = (what: string) => never;

function decode(bytes: Uint8Array, fail: Fail): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return fail('the header is not UTF-8');
  }
}

function readMetadata(cursor: JsonCursor, into: Map<string, string>, fail: Fail): void {
  if (cursor.peek() !== '{') fail('__metadata__ is not an object');
  cursor.members((key) => {
    if (cursor.peek() !== '"') fail(`__metadata__.${key.slice(0, 60)} is not a string`);
    into.set(key, cursor.string());
  }, MAX_METADATA);
}

function readEntry(cursor: JsonCursor, name: string, fail: Fail): HeaderEntry {
  const problem = (what: string): never => fail(`tensor ${show(name)} ${what}`);
  if (cursor.peek() !== '{') problem('is not an object');
  let dtype: StoredType | undefined;
  let shape: readonly number[] | undefined;
  let offsets: readonly number[] | undefined;
  cursor.members((field) => {
    if (field === 'dtype') dtype = readType(cursor, problem);
    else if (field === 'shape') shape = readSizes(cursor, MAX_RANK, () => problem('has a malformed shape'));
    else if (field === 'data_offsets')
      offsets = readSizes(cursor, 2, () => problem('has malformed data_offsets'));
    else problem(`has an unknown field ${show(field)}`);
  });
  if (dtype === undefined) return problem('has no dtype');
  if (shape === undefined) return problem('has no shape');
  const [begin, end] = offsets ?? problem('has no data_offsets');
  if (begin === undefined || end === undefined || end < begin) return problem('has malformed data_offsets');
  const needed = bytesOf(dtype, shape);
  if (needed === undefined)
    return problem(`is ${dtype} [${shape.join(', ')}], which is no whole number of bytes`);
  if (needed !== BigInt(end - begin)) {
    const wanted = needed > BigInt(Number.MAX_SAFE_INTEGER) ? 'too many' : `${needed}`;
    problem(`is ${dtype} [${shape.join(', ')}], ${wanted} bytes, but ${end - begin} are given`);
  }
  return { name, dtype, shape, begin, end };
}

/** Products of safe integers may not be safe: exact. Undefined where elements of a few bits do not fill their last byte. */
export function bytesOf(dtype: StoredType, shape: readonly number[]): bigint | undefined {
  const bits = shape.reduce((total, size) => total * BigInt(size), BigInt(BITS[dtype]));
  return bits % 8n === 0n ? bits / 8n : undefined;
}

function readType(cursor: JsonCursor, problem: Fail): StoredType {
  if (cursor.peek() !== '"') return problem('has a dtype that is not a string');
  const name = cursor.string();
  return isStoredType(name) ? name : problem(`has an unknown dtype ${show(name)}`);
}

function readSizes(cursor: JsonCursor, most: number, fail: () => never): readonly number[] {
  const sizes: number[] = [];
  if (cursor.peek() !== '[') fail();
  cursor.elements(() => {
    if (sizes.length >= most) fail();
    sizes.push(cursor.natural() ?? fail());
  });
  // a list that grew keeps room for more
  return sizes.slice();
}
