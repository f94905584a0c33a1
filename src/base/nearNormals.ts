import { fillUniforms } from './random.ts';

/** What `fillNearNormals` is off by at most: some 300 times what was ever seen. */
export const NEAR = 1e-12;

const STEPS = 1024;
const UNIT = 0x1000000;

interface Tables {
  /** of i / STEPS */
  readonly log: Float64Array;
  /** of i / STEPS of a turn */
  readonly cos: Float64Array;
  readonly sin: Float64Array;
}

const table = (of: (i: number) => number): Float64Array =>
  Float64Array.from({ length: STEPS + 1 }, (_, i) => of(i / STEPS));

let made: Tables | undefined;
const tables = (): Tables => {
  made ??= {
    log: table(Math.log),
    cos: table((i) => Math.cos(2 * Math.PI * i)),
    sin: table((i) => Math.sin(2 * Math.PI * i)),
  };
  return made;
};

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
  const { log, cos, sin } = tables();
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
