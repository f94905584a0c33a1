import type { Code } from './code.ts';

/** Numbers and code as WebAssembly's binary format spells them (LEB128, little-endian floats). */

/** Appends bytes, of which there may be more than a call takes arguments. */
export function append(bytes: number[], more: readonly number[]): void {
  for (let i = 0; i < more.length; i++) bytes.push(more[i] as number);
}

/** Unsigned LEB128 of a number below 2³². */
export function unsigned(value: number): number[] {
  if (value >= 0 && value < 0x80) return [value];
  const bytes: number[] = [];
  let rest = value >>> 0;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    bytes.push(rest === 0 ? low : low | 0x80);
  } while (rest !== 0);
  return bytes;
}

/** Signed LEB128 of a 32-bit number. */
export function signed(value: number): number[] {
  if (value >= -64 && value < 64) return [value & 0x7f];
  const bytes: number[] = [];
  let rest = value | 0;
  for (;;) {
    const low = rest & 0x7f;
    rest >>= 7;
    // done when what remains is the sign bit of the last seven, repeated
    const done = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
    bytes.push(done ? low : low | 0x80);
    if (done) return bytes;
  }
}

// typed arrays are little-endian wherever WebAssembly runs
export const floatBytes = (value: number): number[] => [...new Uint8Array(Float32Array.of(value).buffer)];
export const integerBytes = (value: number): number[] => [...new Uint8Array(Int32Array.of(value).buffer)];

/** A UTF-8 name of ASCII characters with its length. */
export const nameBytes = (name: string): number[] => [
  ...unsigned(name.length),
  ...Array.from(name, (character) => character.charCodeAt(0)),
];

const END = 0x0b;

/** Appends the bytes of instructions in order, operands first. */
export function encodeCode(statements: readonly Code[], into: number[]): void {
  for (let i = 0; i < statements.length; i++) {
    const { operands, bytes, body, otherwise } = statements[i] as Code;
    if (operands.length > 0) encodeCode(operands, into);
    append(into, bytes);
    if (!body) continue;
    encodeCode(body, into);
    if (otherwise) {
      into.push(0x05);
      encodeCode(otherwise, into);
    }
    into.push(END);
  }
}
