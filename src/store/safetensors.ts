import { checkArguments, checkOptions, show } from '../base/arguments.ts';
import { numbersOf } from '../base/elements.ts';
import { FrondError } from '../base/errors.ts';
import {
  bytes as bytesKind,
  elements,
  finite,
  having,
  instanceOf,
  listOf,
  natural,
  type OptionsOf,
  optional,
  text as textKind,
  typed,
} from '../base/kinds.ts';
import { isWellFormed } from './json.ts';
import {
  bytesOf,
  type HeaderEntry,
  invalid,
  MAX_HEADER,
  parseHeader,
  type StoredType,
} from './safetensorsHeader.ts';

export type { StoredType } from './safetensorsHeader.ts';

/** A tensor as a file holds it: little-endian bytes, row-major. */
export interface StoredTensor {
  readonly dtype: StoredType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

const mapKind = instanceOf('a Map by name', Map);
const storedTensors = {
  tensors: typed<ReadonlyMap<string, StoredTensor>>(mapKind),
  metadata: typed<ReadonlyMap<string, string>>(mapKind),
};
export type StoredTensors = OptionsOf<typeof storedTensors>;

/**
 * Reads a safetensors file strictly: every byte after the header belongs to exactly one tensor.
 * The tensors are views of `bytes`; nothing is copied and no memory is taken on the word of the header.
 *
 * @throws FROND-W001 for a malformed container, FROND-W002 for malformed JSON
 */
export function readSafetensors(bytes: Uint8Array, file = 'safetensors'): StoredTensors {
  checkArguments('readSafetensors', { bytes: bytesKind, file: optional(textKind) }, [bytes, file]);
  if (bytes.length < 8) throw invalid(file, `${bytes.length} bytes, the header's length alone takes 8`);
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER))
    throw invalid(file, `the header claims ${length} bytes, at most ${MAX_HEADER} are read`);
  const start = 8 + Number(length);
  if (start > bytes.length) {
    throw invalid(
      file,
      `the header claims ${length} bytes, the file has ${bytes.length - 8} after its length`,
    );
  }
  const { entries, metadata } = parseHeader(bytes.subarray(8, start), file);
  const problem = coverageProblem(entries, bytes.length - start);
  if (problem !== undefined) throw invalid(file, problem);
  const tensors = new Map<string, StoredTensor>();
  for (const { name, dtype, shape, begin, end } of entries)
    tensors.set(name, { dtype, shape, bytes: bytes.subarray(start + begin, start + end) });
  return { tensors, metadata };
}

/** The tensors tile the data without hole or overlap, to the last byte. */
function coverageProblem(entries: readonly HeaderEntry[], length: number): string | undefined {
  let next = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin < next) return `tensor ${show(name)} overlaps another`;
    if (begin > next) return `bytes ${next} to ${begin} belong to no tensor`;
    next = end;
  }
  return next === length ? undefined : `the tensors end at byte ${next}, the data at ${length}`;
}

const STORED = { dtype: textKind, shape: listOf(finite, 'sizes'), bytes: bytesKind };
const storedKind = having('a stored tensor, such as storeFloats gives', 'dtype', 'shape', 'bytes');

const cannotStore = (name: string, why: string): FrondError =>
  new FrondError('FROND-W003', `tensor ${show(name)} cannot be stored: ${why}`, {
    hint: 'a stored tensor has a name in valid Unicode, whole sizes, and as many bytes as its shape says',
  });

function checkStorable(name: string, tensor: StoredTensor): void {
  checkArguments('writeSafetensors', { name: textKind, tensor: storedKind }, [name, tensor]);
  const { dtype, shape, bytes } = tensor;
  checkArguments('writeSafetensors', STORED, [dtype, shape, bytes]);
  if (name === '__metadata__') throw cannotStore(name, 'the format keeps this name for itself');
  if (!isWellFormed(name)) throw cannotStore(name, 'its name holds half of a surrogate pair');
  const sized = shape.every((size) => Number.isSafeInteger(size) && size >= 0);
  if (!sized || bytesOf(dtype, shape) !== BigInt(bytes.length))
    throw cannotStore(name, `${bytes.length} bytes for ${dtype} [${shape.join(', ')}]`);
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

/** The header with its spaces: the data starts on a multiple of 8 bytes. */
function headerText({ tensors, metadata }: StoredTensors): string {
  const members = metadata.size > 0 ? [metadataText(metadata)] : [];
  let offset = 0;
  for (const [name, tensor] of tensors) {
    checkStorable(name, tensor);
    const { dtype, shape, bytes } = tensor;
    const fields = { dtype, shape, data_offsets: [offset, offset + bytes.length] };
    members.push(`${JSON.stringify(name)}:${JSON.stringify(fields)}`);
    offset += bytes.length;
  }
  return `{${members.join(',')}}`;
}

/**
 * Writes tensors in the given order. Equal content gives equal bytes, and reading gives back what was written.
 * @throws FROND-W003 for a name that the format reserves or a tensor whose bytes do not fit its shape
 */
export function writeSafetensors(content: StoredTensors): Uint8Array {
  checkOptions('writeSafetensors', content, storedTensors);
  const text = new TextEncoder().encode(headerText(content));
  // the data starts on a multiple of 8 bytes; the format allows spaces at the header's end
  const padded = Math.ceil(text.length / 8) * 8;
  if (padded > MAX_HEADER) {
    throw new FrondError('FROND-W003', `${content.tensors.size} tensors cannot be stored in one file`, {
      hint: `their names and shapes take ${padded} bytes, a header holds at most ${MAX_HEADER}`,
    });
  }
  const tensors = [...content.tensors.values()];
  const out = new Uint8Array(tensors.reduce((total, { bytes }) => total + bytes.length, 8 + padded));
  new DataView(out.buffer).setBigUint64(0, BigInt(padded), true);
  out.fill(0x20, 8, 8 + padded);
  out.set(text, 8);
  let at = 8 + padded;
  for (const { bytes } of tensors) {
    out.set(bytes, at);
    at += bytes.length;
  }
  return out;
}

/** An f32 tensor for storing. frond runs on little-endian machines only, as WebAssembly and WebGPU do. */
export function storeFloats(values: ArrayLike<number>, shape: readonly number[]): StoredTensor {
  checkArguments('storeFloats', { values: elements, shape: listOf(natural, 'sizes') }, [values, shape]);
  const numbers = numbersOf('f32', values, (index, element) => {
    return new FrondError('FROND-W003', `storeFloats: element ${index} is ${element}, F32 takes numbers`);
  });
  return { dtype: 'F32', shape, bytes: new Uint8Array(Float32Array.from(numbers).buffer) };
}

/** The elements of an F32 tensor, copied. @throws FROND-W004 for another element type, FROND-W003 for bytes that do not fit the shape */
export function floatsOf(tensor: StoredTensor, name: string, file?: string): Float32Array {
  const kinds = { tensor: storedKind, name: textKind, file: optional(textKind) };
  checkArguments('floatsOf', kinds, [tensor, name, file]);
  checkArguments('floatsOf', STORED, [tensor.dtype, tensor.shape, tensor.bytes]);
  if (tensor.dtype !== 'F32') {
    throw new FrondError(
      'FROND-W004',
      `tensor ${show(name)} is ${tensor.dtype}, which is not supported as numbers here: F32 was expected`,
      { place: file === undefined ? undefined : { file }, hint: 'convert it to F32 before saving it' },
    );
  }
  checkStorable(name, tensor);
  // not slice(), which shares the memory where the caller gave a Buffer of Node
  return new Float32Array(new Uint8Array(tensor.bytes).buffer);
}
