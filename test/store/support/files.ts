import { permutation, uniforms } from '../../../src/base/random.ts';
import type { StoredTensor, StoredTensors, StoredType } from '../../../src/store/safetensors.ts';

const encoder = new TextEncoder();

/** A file from the text of its header and its data; the length may lie. */
export function fileOf(
  header: string | Uint8Array,
  data: number | Uint8Array = 0,
  length?: bigint,
): Uint8Array {
  const text = typeof header === 'string' ? encoder.encode(header) : header;
  const body = typeof data === 'number' ? new Uint8Array(data) : data;
  const out = new Uint8Array(8 + text.length + body.length);
  new DataView(out.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  out.set(text, 8);
  out.set(body, 8 + text.length);
  return out;
}

/** A stream of numbers fixed by a name: `next(n)` is a whole number below n. */
export function dice(name: string): (below: number) => number {
  let index = 0;
  return (below) => Math.floor(uniforms(11, name, index++)[0] * below);
}

const TYPES: readonly (readonly [StoredType, number])[] = [
  ['F32', 4],
  ['I32', 4],
  ['F16', 2],
  ['BF16', 2],
  ['BOOL', 1],
  ['U8', 1],
  ['I64', 8],
  ['F64', 8],
  ['F8_E4M3', 1],
  ['F8_E8M0', 1],
  ['C64', 8],
];
const NAMES = [
  'weight',
  '__proto__',
  'constructor',
  '7',
  '12',
  'ä/ö "quoted"',
  'a\\b',
  '\u0001',
  '',
  '🌴',
  'toString',
];

/** A set of up to 7 tensors of ranks 0 to 3, empty ones and odd names among them. */
export function randomSet(index: number): StoredTensors {
  const next = dice(`set ${index}`);
  const tensors = new Map<string, StoredTensor>();
  const names = [...permutation(NAMES.length, index, 'names')].map((i) => NAMES[i] ?? '');
  for (let count = next(8); count > 0; count--) {
    const [dtype, width] = TYPES[next(TYPES.length)] ?? ['U8', 1];
    const shape = Array.from({ length: next(4) }, () => next(5));
    const length = shape.reduce((x, y) => x * y, width);
    const bytes = Uint8Array.from({ length }, () => next(256));
    tensors.set(`${names[count] ?? ''}${next(3) === 0 ? `.${next(100)}` : ''}`, { dtype, shape, bytes });
  }
  const metadata = new Map(
    Array.from({ length: next(4) }, (_, i) => [names[i] ?? '', `value ${next(1000)} é`] as const),
  );
  return { tensors, metadata };
}
