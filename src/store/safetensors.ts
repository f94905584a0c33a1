import { FrondError } from '../base/errors.ts';
import { type Json, parseStrictJson } from './json.ts';

/** Element types of the format, with their bytes. */
const BYTES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
} as const;
export type StoredType = keyof typeof BYTES;

/** A tensor as a file holds it: little-endian bytes, row-major. */
export interface StoredTensor {
  readonly dtype: StoredType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

export interface StoredTensors {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: ReadonlyMap<string, string>;
}

/** Far above any real model (BERT-large needs 0.1 MiB), low enough that a hostile header cannot eat the memory. */
const MAX_HEADER = 8 * 1024 * 1024;
const MAX_TENSORS = 100_000;

const isStoredType = (name: Json | undefined): name is StoredType =>
  typeof name === 'string' && Object.hasOwn(BYTES, name);
const isSize = (value: Json | undefined): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0);

interface Entry {
  readonly name: string;
  readonly dtype: StoredType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/**
 * Reads a safetensors file strictly: every byte after the header belongs to exactly one tensor.
 * The tensors are views of `bytes`; nothing is copied and no memory is taken on the word of the header.
 *
 * @throws FROND-W001 for a malformed container, FROND-W002 for malformed JSON
 */
export function readSafetensors(bytes: Uint8Array, file = 'safetensors'): StoredTensors {
  const fail = (what: string): never => {
    throw new FrondError('FROND-W001', `${file} is not a valid safetensors file: ${what}`, {
      place: { file },
      hint: 'the file is damaged or was not written by a safetensors library; copy it again',
    });
  };
  if (bytes.length < 8) fail(`${bytes.length} bytes, the header's length alone takes 8`);
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER)) fail(`the header claims ${length} bytes, at most ${MAX_HEADER} are read`);
  const start = 8 + Number(length);
  if (start > bytes.length)
    fail(`the header claims ${length} bytes, the file has ${bytes.length - 8} after its length`);
  const header = parseHeader(bytes.subarray(8, start), file, fail);
  const entries = [...header]
    .filter(([name]) => name !== '__metadata__')
    .map(([name, json]) => entryOf(name, json, fail));
  if (entries.length > MAX_TENSORS) fail(`${entries.length} tensors, at most ${MAX_TENSORS} are read`);
  checkCoverage(entries, bytes.length - start, fail);
  return {
    tensors: new Map(
      entries.map(({ name, dtype, shape, begin, end }) => [
        name,
        { dtype, shape, bytes: bytes.subarray(start + begin, start + end) },
      ]),
    ),
    metadata: metadataOf(header.get('__metadata__'), fail),
  };
}

type Fail = (what: string) => never;

function parseHeader(bytes: Uint8Array, file: string, fail: Fail): ReadonlyMap<string, Json> {
  if (bytes[0] !== 0x7b) fail('the header does not start with {');
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return fail('the header is not UTF-8');
  }
  const json = parseStrictJson(text, file);
  return json instanceof Map ? json : fail('the header is not an object');
}

function entryOf(name: string, json: Json, fail: Fail): Entry {
  const quoted = JSON.stringify(name);
  if (!(json instanceof Map)) return fail(`tensor ${quoted} is not an object`);
  const surplus = [...json.keys()].find(
    (key) => key !== 'dtype' && key !== 'shape' && key !== 'data_offsets',
  );
  if (surplus !== undefined) fail(`tensor ${quoted} has an unknown field ${JSON.stringify(surplus)}`);
  const dtype = json.get('dtype');
  if (!isStoredType(dtype)) return fail(`tensor ${quoted} has an unknown dtype ${JSON.stringify(dtype)}`);
  const shape = json.get('shape');
  if (!Array.isArray(shape) || !shape.every(isSize)) return fail(`tensor ${quoted} has a malformed shape`);
  const offsets = json.get('data_offsets');
  const [begin, end] = Array.isArray(offsets) && offsets.length === 2 ? offsets : [];
  if (!isSize(begin) || !isSize(end) || end < begin)
    return fail(`tensor ${quoted} has malformed data_offsets`);
  // products of safe integers may not be safe: compare exactly
  const needed = shape.reduce((total, size) => total * BigInt(size), BigInt(BYTES[dtype]));
  if (needed !== BigInt(end - begin)) {
    fail(`tensor ${quoted} is ${dtype} [${shape.join(', ')}], ${needed} bytes, but ${end - begin} are given`);
  }
  return { name, dtype, shape, begin, end };
}

/** The tensors tile the data without hole or overlap, to the last byte. */
function checkCoverage(entries: readonly Entry[], length: number, fail: Fail): void {
  let next = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin < next) fail(`tensor ${JSON.stringify(name)} overlaps another`);
    if (begin > next) fail(`bytes ${next} to ${begin} belong to no tensor`);
    next = end;
  }
  if (next !== length) fail(`the tensors end at byte ${next}, the data at ${length}`);
}

function metadataOf(json: Json | undefined, fail: Fail): Map<string, string> {
  if (json === undefined) return new Map();
  if (!(json instanceof Map)) return fail('__metadata__ is not an object');
  return new Map(
    [...json].map(([key, value]) => [
      key,
      typeof value === 'string' ? value : fail(`__metadata__.${key} is not a string`),
    ]),
  );
}

/**
 * Writes tensors in the given order. Equal content gives equal bytes, and reading gives back what was written.
 * @throws FROND-W003 for a name that the format reserves or a tensor whose bytes do not fit its shape
 */
export function writeSafetensors({ tensors, metadata }: StoredTensors): Uint8Array {
  const header: string[] = [];
  if (metadata.size > 0) header.push(`"__metadata__":${JSON.stringify(Object.fromEntries(metadata))}`);
  let offset = 0;
  for (const [name, { dtype, shape, bytes }] of tensors) {
    const needed = shape.reduce((total, size) => total * size, BYTES[dtype]);
    if (name === '__metadata__' || needed !== bytes.length) {
      throw new FrondError(
        'FROND-W003',
        `tensor ${JSON.stringify(name)} cannot be stored: ${bytes.length} bytes for ${dtype} [${shape.join(', ')}]`,
      );
    }
    const fields = { dtype, shape, data_offsets: [offset, offset + bytes.length] };
    header.push(`${JSON.stringify(name)}:${JSON.stringify(fields)}`);
    offset += bytes.length;
  }
  const text = new TextEncoder().encode(`{${header.join(',')}}`);
  // the data starts on a multiple of 8 bytes; the format allows spaces at the header's end
  const padded = Math.ceil(text.length / 8) * 8;
  const out = new Uint8Array(8 + padded + offset);
  new DataView(out.buffer).setBigUint64(0, BigInt(padded), true);
  out.fill(0x20, 8, 8 + padded);
  out.set(text, 8);
  let at = 8 + padded;
  for (const { bytes } of tensors.values()) {
    out.set(bytes, at);
    at += bytes.length;
  }
  return out;
}

/** An f32 tensor for storing. frond runs on little-endian machines only, as WebAssembly and WebGPU do. */
export const storeFloats = (values: ArrayLike<number>, shape: readonly number[]): StoredTensor => ({
  dtype: 'F32',
  shape,
  bytes: new Uint8Array(Float32Array.from(values).buffer),
});

/** The elements of an F32 tensor, copied. @throws FROND-W004 for another element type */
export function floatsOf(tensor: StoredTensor, name: string): Float32Array {
  if (tensor.dtype !== 'F32') {
    throw new FrondError('FROND-W004', `tensor ${JSON.stringify(name)} is ${tensor.dtype}, F32 was expected`);
  }
  return new Float32Array(tensor.bytes.slice().buffer);
}
