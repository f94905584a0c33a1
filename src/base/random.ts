/**
 * Counter-based random numbers: Threefry-2x32, 20 rounds (Salmon, Moraes, Dror, Shaw, "Parallel random numbers:
 * as easy as 1, 2, 3", SC 2011). Every draw is a pure function of (key, counter), so dropout, initialisation and
 * shuffling need no mutable state and every backend draws the same numbers.
 */
export const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24] as const;
export const PARITY = 0x1bd11bda;

/** 32-bit words as a reader of the definition computes with them: numbers, texts, vector instructions. */
export interface WordArithmetic<T> {
  number(value: number): T;
  add(x: T, y: T): T;
  xor(x: T, y: T): T;
  rotateLeft(x: T, bits: number): T;
  /** a value that is used more than once */
  keep(name: string, value: T): T;
}

/** The definition, over any arithmetic: both words under a key at a counter. */
export function threefryOver<T>(
  m: WordArithmetic<T>,
  [key0, key1]: readonly [T, T],
  [counter0, counter1]: readonly [T, T],
): readonly [T, T] {
  const key2 = m.keep('key2', m.xor(m.number(PARITY), m.xor(key0, key1)));
  const schedule = [
    [key1, key2],
    [key2, key0],
    [key0, key1],
  ] as const;
  let x = m.keep('x', m.add(counter0, key0));
  let y = m.keep('y', m.add(counter1, key1));
  for (let block = 0; block < 5; block++) {
    for (const rotation of ROTATIONS.slice((block % 2) * 4, (block % 2) * 4 + 4)) {
      x = m.keep('x', m.add(x, y));
      y = m.keep('y', m.xor(m.rotateLeft(y, rotation), x));
    }
    const [first, second] = schedule[block % 3] ?? schedule[0];
    x = m.keep('x', m.add(x, first));
    y = m.keep('y', m.add(m.add(y, second), m.number(block + 1)));
  }
  return [x, y];
}

const numbers: WordArithmetic<number> = {
  number: (value) => value,
  add: (x, y) => (x + y) | 0,
  xor: (x, y) => x ^ y,
  rotateLeft: (x, bits) => (x << bits) | (x >>> (32 - bits)),
  keep: (_, value) => value,
};

/** Two u32 words under `key` at `counter`. Arguments are taken modulo 2³². */
export function threefry(key0: number, key1: number, counter0: number, counter1: number): [number, number] {
  const [x, y] = threefryOver(numbers, [key0, key1], [counter0, counter1]);
  return [x >>> 0, y >>> 0];
}

/** FNV-1a of the UTF-16 code units: names a stream of random numbers, such as a parameter's or a dropout's. */
export function hashName(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/**
 * 64 bits that tell two texts apart, as 16 hex digits: Threefry over the UTF-16 code units, chained. It guards against mistakes (a
 * checkpoint with another vocabulary), not against an adversary.
 */
export function fingerprint(text: string): string {
  let [a, b] = [text.length, hashName(text)];
  for (let i = 0; i < text.length; i += 2) {
    [a, b] = threefry(a, b, text.charCodeAt(i), i + 1 < text.length ? text.charCodeAt(i + 1) : 0x10000);
  }
  return [a, b].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
}

/** Uniform in [0, 1) with 24 bits, the same in f32 and f64. */
const toUnit = (word: number): number => (word >>> 8) / 0x1000000;

/**
 * Draws `index` of the stream `name` under `seed`: two uniforms in [0, 1).
 * Used on the host for initial weights and shuffles; kernels draw with the `random` construct.
 */
export function uniforms(seed: number, name: string, index: number): [number, number] {
  const [a, b] = threefry(seed, hashName(name), index >>> 0, Math.floor(index / 0x100000000));
  return [toUnit(a), toUnit(b)];
}

/** A standard normal number (Box and Muller 1958). */
export function normal(seed: number, name: string, index: number): number {
  const [u, v] = uniforms(seed, name, index);
  return Math.sqrt(-2 * Math.log(1 - u)) * Math.cos(2 * Math.PI * v);
}

/** One round. The engine keeps what it gives in registers: no object is made. */
const mix = (x: number, y: number, bits: number) => {
  const sum = (x + y) | 0;
  return { x: sum, y: ((y << bits) | (y >>> (32 - bits))) ^ sum };
};

/**
 * As `uniforms`, for many indices at once and some ten times as fast: one of each pair goes into `u`, the other into `v`, which
 * are no shorter than `indices`. `threefry` is the definition; here its blocks are written out in pairs, and the
 * three words of the key move on instead of being looked up.
 */
export function fillUniforms(
  seed: number,
  name: string,
  indices: Float64Array,
  u: Float64Array,
  v: Float64Array,
): void {
  const hash = hashName(name) | 0;
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i] as number;
    let a = seed | 0;
    let b = hash;
    let c = PARITY ^ a ^ b;
    let x = ((index >>> 0) + a) | 0;
    let y = ((index < 0x100000000 ? 0 : Math.floor(index / 0x100000000)) + b) | 0;
    for (let block = 1; ; block += 2) {
      ({ x, y } = mix(x, y, 13));
      ({ x, y } = mix(x, y, 15));
      ({ x, y } = mix(x, y, 26));
      ({ x, y } = mix(x, y, 6));
      x = (x + b) | 0;
      y = (y + c + block) | 0;
      if (block === 5) break;
      ({ x, y } = mix(x, y, 17));
      ({ x, y } = mix(x, y, 29));
      ({ x, y } = mix(x, y, 16));
      ({ x, y } = mix(x, y, 24));
      x = (x + c) | 0;
      y = (y + a + block + 1) | 0;
      const first = a;
      a = c;
      c = b;
      b = first;
    }
    u[i] = toUnit(x);
    v[i] = toUnit(y);
  }
}

/** A permutation of 0 … length−1 (Fisher and Yates 1938), fixed by seed and name. */
export function permutation(length: number, seed: number, name: string): Uint32Array {
  const order = Uint32Array.from({ length }, (_, i) => i);
  const places = new Float64Array(length);
  fillUniforms(seed, name, Float64Array.from(order), places, new Float64Array(length));
  for (let i = length - 1; i > 0; i--) {
    const j = Math.floor((places[i] as number) * (i + 1));
    const [a, b] = [order[i] ?? 0, order[j] ?? 0];
    order[i] = b;
    order[j] = a;
  }
  return order;
}

/** What `fillNearNormals` is off by at most: some 300 times what was ever seen. */
export const NEAR = 1e-12;

const STEPS = 1024;
const UNIT = 0x1000000;

const table = (of: (i: number) => number): Float64Array =>
  Float64Array.from({ length: STEPS + 1 }, (_, i) => of(i / STEPS));

/** The logarithm of i / STEPS; cosine and sine of i / STEPS of a turn. */
const makeTables = () => ({
  log: table(Math.log),
  cos: table((i) => Math.cos(2 * Math.PI * i)),
  sin: table((i) => Math.sin(2 * Math.PI * i)),
});
let tables: ReturnType<typeof makeTables> | undefined;

/**
 * As `normal`, within `NEAR`, for many indices at once; `normals` and `scratch` are no shorter than `indices`. Logarithm and
 * cosine come from tables and a few terms of their series, without branches on random numbers:
 *
 * 1 − u is m / 2²⁴, and m · 2ᵉ lies in (2²³, 2²⁴]; for c, the multiple of 2¹⁴ next to it, x = m · 2ᵉ / c − 1 is below 2⁻¹⁰, and
 * log(1 − u) = log(c / 2²⁴) − e log 2 + log(1 + x). The cosine of the turn's next lower 1024th and the rest t < 0.0062 is that
 * of a sum of angles. What the series leave out is below 2·10⁻¹⁶.
 */
export function fillNearNormals(
  seed: number,
  name: string,
  indices: Float64Array,
  normals: Float64Array,
  scratch: Float64Array,
): void {
  tables ??= makeTables();
  const { log, cos, sin } = tables;
  fillUniforms(seed, name, indices, normals, scratch);
  for (let i = 0; i < indices.length; i++) {
    const m = (UNIT - (normals[i] as number) * UNIT) | 0;
    const e = Math.clz32(m - 1) - 8;
    const scaled = m << e;
    const near = (scaled + 0x2000) >> 14;
    const x = scaled / (near << 14) - 1;
    const series = x * (1 - x * (1 / 2 - x * (1 / 3 - x / 4)));
    const logarithm = (log[near] as number) - e * Math.LN2 + series;
    const turn = ((scratch[i] as number) * UNIT) | 0;
    const t = (turn & 0x3fff) * ((2 * Math.PI) / UNIT);
    const square = t * t;
    const ofCos = (cos[turn >> 14] as number) * (1 - square * (1 / 2 - square / 24));
    const ofSin = (sin[turn >> 14] as number) * t * (1 - square * (1 / 6 - square / 120));
    normals[i] = Math.sqrt(-2 * logarithm) * (ofCos - ofSin);
  }
}
