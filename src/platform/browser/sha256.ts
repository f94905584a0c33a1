import type { Hash } from '../types.ts';

/** The first 32 bits of the fractional parts of `root` of the first `count` primes. */
function fractions(count: number, root: (prime: number) => number): Int32Array {
  const primes: number[] = [];
  for (let n = 2; primes.length < count; n++) if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  return Int32Array.from(primes, (prime) => (root(prime) % 1) * 2 ** 32);
}

const rotated = (x: number, by: number): number => (x >>> by) | (x << (32 - by));

/** Works one block of 64 bytes from `at` on into `state`; `words`: 64 of them, the schedule. */
function compress(state: Int32Array, words: Int32Array, constants: Int32Array, bytes: DataView, at: number) {
  for (let i = 0; i < 16; i++) words[i] = bytes.getInt32(at + 4 * i);
  for (let i = 16; i < 64; i++) {
    const x = words[i - 15] ?? 0;
    const y = words[i - 2] ?? 0;
    const low = rotated(x, 7) ^ rotated(x, 18) ^ (x >>> 3);
    const high = rotated(y, 17) ^ rotated(y, 19) ^ (y >>> 10);
    words[i] = (words[i - 16] ?? 0) + low + (words[i - 7] ?? 0) + high;
  }
  // numbers of their own: lists and iterators in here take most of the time
  let a = state[0] ?? 0;
  let b = state[1] ?? 0;
  let c = state[2] ?? 0;
  let d = state[3] ?? 0;
  let e = state[4] ?? 0;
  let f = state[5] ?? 0;
  let g = state[6] ?? 0;
  let h = state[7] ?? 0;
  for (let i = 0; i < 64; i++) {
    const sums = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25);
    const first = (h + sums + ((e & f) ^ (~e & g)) + (constants[i] ?? 0) + (words[i] ?? 0)) | 0;
    const second = (rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + second) | 0;
  }
  state[0] = (state[0] ?? 0) + a;
  state[1] = (state[1] ?? 0) + b;
  state[2] = (state[2] ?? 0) + c;
  state[3] = (state[3] ?? 0) + d;
  state[4] = (state[4] ?? 0) + e;
  state[5] = (state[5] ?? 0) + f;
  state[6] = (state[6] ?? 0) + g;
  state[7] = (state[7] ?? 0) + h;
}

/**
 * SHA-256 of pieces (FIPS 180-4): the page's own `crypto.subtle` takes all bytes at once, which may be more than its memory.
 */
export function startHash(): Hash {
  const constants = fractions(64, Math.cbrt);
  const state = fractions(8, Math.sqrt);
  const words = new Int32Array(64);
  const block = new Uint8Array(64);
  const view = new DataView(block.buffer);
  let total = 0;
  const update = (bytes: Uint8Array): void => {
    const whole = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < bytes.length; ) {
      const filled = total % 64;
      const taken = Math.min(64 - filled, bytes.length - at);
      if (taken === 64) compress(state, words, constants, whole, at);
      else {
        block.set(bytes.subarray(at, at + taken), filled);
        if (filled + taken === 64) compress(state, words, constants, view, 0);
      }
      at += taken;
      total += taken;
    }
  };
  const digest = (): string => {
    const bits = 8n * BigInt(total);
    // a one, zeros, and the number of bits in the last 8 bytes of a block
    const padding = new Uint8Array(64 - ((total + 8) % 64) + 8);
    padding[0] = 0x80;
    new DataView(padding.buffer).setBigUint64(padding.length - 8, bits);
    update(padding);
    return [...state].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  };
  return { update, digest };
}
