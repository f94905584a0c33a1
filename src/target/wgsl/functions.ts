import { type Coefficients, ERF, EXP, LOG, TANH } from '../../kernel/polynomials.ts';
import type { Helper } from './printer.ts';

/** Horner's rule over a table of coefficients, as one expression. */
const horner = (coefficients: Coefficients, z: string): string =>
  coefficients.reduceRight<string>((sum, c) => (sum === '' ? `${c}` : `fma(${sum}, ${z}, ${c})`), '');

const exp = (): string => `\
// e^x = 2^n e^r; what is below the smallest normal number is 0, what overflows is left to the device
fn exp_f32(x: f32) -> f32 {
  let n = round(x * ${EXP.inverseLn2});
  let r = fma(n, -${EXP.ln2Low}, fma(n, -${EXP.ln2High}, x));
  let e = 1.0 + fma(r * r, ${horner(EXP.q, 'r')}, r);
  let whole = i32(clamp(n, -127.0, 128.0));
  let half = whole >> 1u;
  let scaled = e * bitcast<f32>((half + 127) << 23u) * bitcast<f32>((whole - half + 127) << 23u);
  return select(select(scaled, exp(x), x > ${EXP.highest}), 0.0, x < ${EXP.lowest});
}`;

const log = (): string => `\
// log x = e log 2 + log(1 + f); what is not a positive normal number is left to the device
fn log_f32(x: f32) -> f32 {
  let shifted = bitcast<i32>(x) - ${LOG.sqrtHalfBits};
  let e = f32(shifted >> 23u);
  let f = bitcast<f32>((shifted & ${0x7fffff}) + ${LOG.sqrtHalfBits}) - 1.0;
  let s = f / (2.0 + f);
  let z = s * s;
  let half = 0.5 * f * f;
  let tail = fma(s, fma(z, ${horner(LOG.R, 'z')}, half), e * ${LOG.ln2Low});
  return select(fma(e, ${LOG.ln2High}, f - (half - tail)), log(x), x < ${LOG.smallest});
}`;

const tanh = (builtin: boolean): string => `\
fn tanh_f32(x: f32) -> f32 {
  let z = x * x;
  let small = fma(x * z, ${horner(TANH.T, 'z')}, x);
  let large = 1.0 - 2.0 / (${builtin ? 'exp' : 'exp_f32'}(2.0 * min(abs(x), ${TANH.saturation})) + 1.0);
  return select(select(large, -large, x < 0.0), small, abs(x) < ${TANH.limit});
}`;

const erf = (): string => `\
fn erf_f32(x: f32) -> f32 {
  let z = x * x;
  let a = min(abs(x), ${ERF.saturation}.0);
  let small = x * ${horner(ERF.E, 'z')};
  let root = ${horner(ERF.P, 'a')};
  let square = root * root;
  let large = 1.0 - 1.0 / (square * square * square * square);
  return select(select(large, -large, x < 0.0), small, a < ${ERF.limit}.0);
}`;

const finite = (): string => `\
// by its bits: WGSL may assume that no number is infinite or NaN
fn is_finite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}`;

const toInteger = (dtype: 'i32' | 'u32', largest: string, limit: string): string => `\
// saturates: by itself the conversion ends at the largest f32 below the limit
fn to_${dtype}(x: f32) -> ${dtype} {
  return select(${dtype}(x), ${largest}, x >= ${limit});
}`;

const threefry = (): string => `\
fn rotate_left(x: u32, bits: u32) -> u32 {
  return (x << bits) | (x >> (32u - bits));
}
// Threefry-2x32, 20 rounds (Salmon et al. 2011)
fn threefry(key: vec2<u32>, counter: vec2<u32>) -> vec2<u32> {
  var keys = array<u32, 3>(key.x, key.y, 0x1bd11bdau ^ key.x ^ key.y);
  var rotations = array<u32, 8>(13u, 15u, 26u, 6u, 17u, 29u, 16u, 24u);
  var x = counter.x + keys[0];
  var y = counter.y + keys[1];
  for (var block = 0u; block < 5u; block++) {
    for (var round = 0u; round < 4u; round++) {
      x += y;
      y = rotate_left(y, rotations[(block % 2u) * 4u + round]) ^ x;
    }
    x += keys[(block + 1u) % 3u];
    y += keys[(block + 2u) % 3u] + block + 1u;
  }
  return vec2<u32>(x, y);
}`;

/** The functions that a module needs, each before its users. */
export function functionsText(helpers: ReadonlySet<Helper>, builtin: boolean): string {
  const texts: string[] = [];
  const needsExp = !builtin && (helpers.has('exp') || helpers.has('tanh'));
  if (needsExp) texts.push(exp());
  if (helpers.has('log')) texts.push(log());
  if (helpers.has('tanh')) texts.push(tanh(builtin));
  if (helpers.has('erf')) texts.push(erf());
  if (helpers.has('isFinite')) texts.push(finite());
  if (helpers.has('toI32')) texts.push(toInteger('i32', '2147483647i', '2147483648.0'));
  if (helpers.has('toU32')) texts.push(toInteger('u32', '4294967295u', '4294967296.0'));
  if (helpers.has('threefry')) texts.push(threefry());
  return texts.map((text) => `${text}\n\n`).join('');
}
