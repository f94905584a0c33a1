/** Numbers as WebAssembly's binary format spells them (LEB128, little-endian floats). */

/** Unsigned LEB128 of a number below 2³². */
export function unsigned(value: number): number[] {
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
  const bytes: number[] = [];
  let rest = value | 0;
  for (;;) {
    const low = rest & 0x7f;
    rest >>= 7;
    // Done when what remains is the sign bit of the last group, repeated.
    const done = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
    bytes.push(done ? low : low | 0x80);
    if (done) return bytes;
  }
}

const scratch = new DataView(new ArrayBuffer(4));

export function floatBytes(value: number): number[] {
  scratch.setFloat32(0, value, true);
  return [0, 1, 2, 3].map((i) => scratch.getUint8(i));
}

export function integerBytes(value: number): number[] {
  scratch.setInt32(0, value, true);
  return [0, 1, 2, 3].map((i) => scratch.getUint8(i));
}

/** A UTF-8 name of ASCII characters with its length. */
export const nameBytes = (name: string): number[] => [
  ...unsigned(name.length),
  ...Array.from(name, (character) => character.charCodeAt(0)),
];
