import { checkArguments, checkOptions, show } from '../base/arguments.ts';
import { numbersOf } from '../base/dtype.ts';
import { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import type { Pieces } from '../platform/types.ts';
import { type ByteSource, rangeOf } from './file.ts';
import { isWellFormed, JsonCursor } from './json.ts';

/** Element types of the format by their bits. */
const SIZES = [
  { bits: 4, types: ['F4'] },
  { bits: 6, types: ['F6_E2M3', 'F6_E3M2'] },
  { bits: 8, types: ['BOOL', 'U8', 'I8', 'F8_E5M2', 'F8_E4M3', 'F8_E8M0', 'F8_E4M3FNUZ', 'F8_E5M2FNUZ'] },
  { bits: 16, types: ['U16', 'I16', 'F16', 'BF16'] },
  { bits: 32, types: ['U32', 'I32', 'F32'] },
  { bits: 64, types: ['U64', 'I64', 'F64', 'C64'] },
] as const;
export type StoredType = (typeof SIZES)[number]['types'][number];

const bitsOf = (dtype: string): number | undefined =>
  SIZES.find(({ types }) => types.some((type) => type === dtype))?.bits;

/** The format's own limit; it bounds tensors too, as each takes 50 bytes of it at least. */
const MAX_HEADER = 100_000_000;
const MAX_RANK = 32;
const MAX_METADATA = 10_000;

/** A tensor as the header describes it; its bytes are begin … end − 1 of the data. */
interface HeaderEntry extends Pick<StoredTensor, 'dtype' | 'shape'> {
  readonly name: string;
  readonly begin: number;
  readonly end: number;
}

type Fail = (what: string) => never;

const isStoredType = (name: string): name is StoredType => bitsOf(name) !== undefined;

/**
 * Reads a header by its own grammar, so that whatever does not belong there is refused where it stands: nothing is built of a
 * hostile header but its entries up to the first mistake.
 */
function parseHeader(bytes: Uint8Array, file: string, fail: Fail) {
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
function bytesOf(dtype: StoredType, shape: readonly number[]): bigint | undefined {
  const bits = shape.reduce((total, size) => total * BigInt(size), BigInt(bitsOf(dtype) ?? 0));
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

/** A tensor as a file holds it: little-endian bytes, row-major. */
export interface StoredTensor {
  readonly dtype: StoredType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

const mapKind = is.instanceOf('a Map by name', Map);
const storedTensors = {
  tensors: is.typed<ReadonlyMap<string, StoredTensor>>(mapKind),
  metadata: is.typed<ReadonlyMap<string, string>>(mapKind),
};
export type StoredTensors = is.OptionsOf<typeof storedTensors>;

/**
 * Reads a safetensors file strictly: every byte after the header belongs to exactly one tensor.
 * The tensors are views of `bytes`; nothing is copied and no memory is taken on the word of the header.
 *
 * @throws FROND-W001 for a malformed container, FROND-W002 for malformed JSON
 */
export function readSafetensors(bytes: Uint8Array, file = 'safetensors'): StoredTensors {
  checkArguments('readSafetensors', { bytes: is.bytes, file: is.optional(is.text) }, [bytes, file]);
  const fail = refusal(file);
  const start = dataStart(bytes.subarray(0, 8), bytes.length, fail);
  const { entries, metadata } = parseHeader(bytes.subarray(8, start), file, fail);
  checkCoverage(entries, bytes.length - start, fail);
  const tensors = new Map<string, StoredTensor>();
  for (const { name, dtype, shape, begin, end } of entries)
    tensors.set(name, { dtype, shape, bytes: bytes.subarray(start + begin, start + end) });
  return { tensors, metadata };
}

/** A tensor whose bytes come in pieces, each of whole elements. */
export interface TensorPieces extends Pick<StoredTensor, 'dtype' | 'shape'> {
  readonly pieces: () => Pieces;
}

export interface TensorStreams extends Pick<StoredTensors, 'metadata'> {
  readonly tensors: ReadonlyMap<string, TensorPieces>;
}

/**
 * Reads the header as strictly as `readSafetensors`, and the tensors piece by piece when they are asked for.
 * @throws FROND-W001 for a malformed container, FROND-W002 for malformed JSON
 */
export async function openSafetensors(source: ByteSource, file: string): Promise<TensorStreams> {
  const fail = refusal(file);
  const start = dataStart(await source.read(0, Math.min(8, source.size)), source.size, fail);
  const { entries, metadata } = parseHeader(await source.read(8, start), file, fail);
  checkCoverage(entries, source.size - start, fail);
  const tensors = new Map<string, TensorPieces>();
  for (const { name, dtype, shape, begin, end } of entries)
    tensors.set(name, { dtype, shape, pieces: () => rangeOf(source, start + begin, start + end) });
  return { tensors, metadata };
}

const refusal =
  (file: string): Fail =>
  (what) => {
    throw new FrondError('FROND-W001', `${file} is not a valid safetensors file: ${what}`, {
      place: { file },
      hint: 'the file is damaged or was not written by a safetensors library; copy it again',
    });
  };

/** Where the data begins in a file of `size` bytes; `first`: its first 8. */
function dataStart(first: Uint8Array, size: number, fail: Fail): number {
  if (first.length < 8) fail(`${size} bytes, the header's length alone takes 8`);
  const length = new DataView(first.buffer, first.byteOffset, 8).getBigUint64(0, true);
  const claim = `the header claims ${length} bytes`;
  if (length > BigInt(MAX_HEADER)) fail(`${claim}, at most ${MAX_HEADER} are read`);
  const start = 8 + Number(length);
  if (start > size) fail(`${claim}, the file has ${size - 8} after its length`);
  return start;
}

/** The tensors tile the data without hole or overlap, to the last byte. */
function checkCoverage(entries: readonly HeaderEntry[], length: number, fail: Fail): void {
  let next = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin < next) fail(`tensor ${show(name)} overlaps another`);
    if (begin > next) fail(`bytes ${next} to ${begin} belong to no tensor`);
    next = end;
  }
  if (next !== length) fail(`the tensors end at byte ${next}, the data at ${length}`);
}

const STORED = { dtype: is.text, shape: is.listOf(is.finite, 'sizes'), bytes: is.bytes };
const storedKind = is.having('a stored tensor, such as storeFloats gives', 'dtype', 'shape', 'bytes');

const cannotStore = (name: string, why: string): FrondError =>
  new FrondError('FROND-W003', `tensor ${show(name)} cannot be stored: ${why}`, {
    hint: 'a stored tensor has a name in valid Unicode, whole sizes, and as many bytes as its shape says',
  });

function checkStorable(name: string, tensor: StoredTensor): void {
  checkArguments('writeSafetensors', { name: is.text, tensor: storedKind }, [name, tensor]);
  const { dtype, shape, bytes } = tensor;
  checkArguments('writeSafetensors', STORED, [dtype, shape, bytes]);
  if (name === '__metadata__') throw cannotStore(name, 'the format keeps this name for itself');
  if (!isWellFormed(name)) throw cannotStore(name, 'its name holds half of a surrogate pair');
  checkSize(name, tensor, bytes.length);
}

function checkSize(name: string, { dtype, shape }: Omit<StoredTensor, 'bytes'>, size: number): void {
  const sized = shape.every((size) => Number.isSafeInteger(size) && size >= 0);
  if (!sized || bytesOf(dtype, shape) !== BigInt(size))
    throw cannotStore(name, `${size} bytes for ${dtype} [${shape.join(', ')}]`);
}

/** Member by member: an object would sort keys that look like numbers to the front. */
function metadataText(metadata: ReadonlyMap<string, string>): string {
  const members = [...metadata].map(([key, value]) => {
    if (!isWellFormed(key) || !isWellFormed(value))
      throw cannotStore('__metadata__', `${show(key)} holds half of a surrogate pair`);
    return `${JSON.stringify(key)}:${JSON.stringify(value)}`;
  });
  return `"__metadata__":{${members.join(',')}}`;
}

/** All that stands before the data: the header's length and the header. */
function headerOf({ tensors, metadata }: TensorHeaders): Uint8Array {
  const members = metadata.size > 0 ? [metadataText(metadata)] : [];
  let offset = 0;
  for (const [name, { dtype, shape }] of tensors) {
    const end = offset + Number(bytesOf(dtype, shape));
    members.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [offset, end] })}`);
    offset = end;
  }
  const text = new TextEncoder().encode(`{${members.join(',')}}`);
  // the data starts on a multiple of 8 bytes; the format allows spaces at the header's end
  const padded = Math.ceil(text.length / 8) * 8;
  if (padded > MAX_HEADER) {
    throw new FrondError('FROND-W003', `${tensors.size} tensors cannot be stored in one file`, {
      hint: `their names and shapes take ${padded} bytes, a header holds at most ${MAX_HEADER}`,
    });
  }
  const out = new Uint8Array(8 + padded).fill(0x20);
  new DataView(out.buffer).setBigUint64(0, BigInt(padded), true);
  out.set(text, 8);
  return out;
}
interface TensorHeaders extends Pick<StoredTensors, 'metadata'> {
  readonly tensors: ReadonlyMap<string, Omit<StoredTensor, 'bytes'>>;
}

/**
 * Writes tensors in the given order. Equal content gives equal bytes, and reading gives back what was written.
 * @throws FROND-W003 for a name that the format reserves or a tensor whose bytes do not fit its shape
 */
export function writeSafetensors(content: StoredTensors): Uint8Array {
  checkOptions('writeSafetensors', content, storedTensors);
  for (const [name, tensor] of content.tensors) checkStorable(name, tensor);
  const parts = [headerOf(content), ...[...content.tensors.values()].map(({ bytes }) => bytes)];
  const out = new Uint8Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/**
 * The bytes that `writeSafetensors` gives, piece by piece.
 * @throws FROND-W003 for a tensor whose pieces do not fit its shape
 */
export async function* streamSafetensors(content: TensorStreams): Pieces {
  yield headerOf(content);
  for (const [name, tensor] of content.tensors) {
    let size = 0;
    for await (const piece of tensor.pieces()) {
      size += piece.length;
      yield piece;
    }
    checkSize(name, tensor, size);
  }
}

/** An f32 tensor for storing. frond runs on little-endian machines only, as WebAssembly and WebGPU do. */
export function storeFloats(values: ArrayLike<number>, shape: readonly number[]): StoredTensor {
  const kinds = { values: is.elements, shape: is.listOf(is.natural, 'sizes') };
  checkArguments('storeFloats', kinds, [values, shape]);
  const numbers = numbersOf('f32', values, (index, element) => {
    return new FrondError('FROND-W003', `storeFloats: element ${index} is ${element}, F32 takes numbers`);
  });
  return { dtype: 'F32', shape, bytes: new Uint8Array(Float32Array.from(numbers).buffer) };
}

/** The elements of an F32 tensor, copied. @throws FROND-W004 for another element type, FROND-W003 for bytes that do not fit the shape */
export function floatsOf(tensor: StoredTensor, name: string, file?: string): Float32Array {
  const kinds = { tensor: storedKind, name: is.text, file: is.optional(is.text) };
  checkArguments('floatsOf', kinds, [tensor, name, file]);
  checkArguments('floatsOf', STORED, [tensor.dtype, tensor.shape, tensor.bytes]);
  requireFloats(tensor, name, file);
  checkStorable(name, tensor);
  // not slice(), which shares the memory where the caller gave a Buffer of Node
  return new Float32Array(new Uint8Array(tensor.bytes).buffer);
}

/** @throws FROND-W004 for another element type than F32 */
export function requireFloats({ dtype }: Pick<StoredTensor, 'dtype'>, name: string, file?: string): void {
  if (dtype === 'F32') return;
  throw new FrondError(
    'FROND-W004',
    `tensor ${show(name)} is ${dtype}, which is not supported as numbers here: F32 was expected`,
    { place: file === undefined ? undefined : { file }, hint: 'convert it to F32 before saving it' },
  );
}
