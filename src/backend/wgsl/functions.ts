import { type Coefficients, ERF, ERFCX, EXP, LOG, TANH } from '../../kernel/polynomials.ts';
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
// log x = e log 2 + log(1 + f), from the bits alone: devices may take subnormal numbers for 0 and know no infinities
fn log_f32(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let magnitude = bits & 0x7fffffffu;
  let tiny = bits < 0x800000u;
  let shifted = bitcast<i32>(select(bits, bitcast<u32>(f32(bits)), tiny)) - ${LOG.sqrtHalfBits};
  let e = f32((shifted >> 23u) - select(0, 149, tiny));
  let f = bitcast<f32>((shifted & ${0x7fffff}) + ${LOG.sqrtHalfBits}) - 1.0;
  let s = f / (2.0 + f);
  let z = s * s;
  let half = 0.5 * f * f;
  let tail = fma(s, fma(z, ${horner(LOG.R, 'z')}, half), e * ${LOG.ln2Low});
  let usual = fma(e, ${LOG.ln2High}, f - (half - tail));
  // infinity and NaN are themselves, negative numbers NaN, zeros the negative infinity
  let past = select(bits | 0x7fc00000u, bits, bits == 0x7f800000u);
  let special = bitcast<f32>(select(past, bits | 0xff800000u, magnitude == 0u));
  return select(usual, special, (magnitude == 0u) | (bits >= 0x7f800000u));
}`;

const tanh = (builtin: boolean): string => `\
fn tanh_f32(x: f32) -> f32 {
  let z = x * x;
  let a = select(abs(x), ${TANH.saturation}, abs(x) > ${TANH.saturation});
  let small = fma(x * z, ${horner(TANH.T, 'z')}, x);
  let large = 1.0 - 2.0 / (${builtin ? 'exp' : 'exp_f32'}(2.0 * a) + 1.0);
  return select(select(large, -large, x < 0.0), small, a < ${TANH.limit});
}`;

const erf = (): string => `\
fn erf_f32(x: f32) -> f32 {
  let z = x * x;
  let a = select(abs(x), ${ERF.saturation}.0, abs(x) > ${ERF.saturation}.0);
  let small = x * ${horner(ERF.E, 'z')};
  let root = ${horner(ERF.P, 'a')};
  let square = root * root;
  let large = 1.0 - 1.0 / (square * square * square * square);
  return select(select(large, -large, x < 0.0), small, a < ${ERF.limit}.0);
}`;

const erfcx = (): string => `\
fn erfcx_f32(x: f32) -> f32 {
  let t = 1.0 / (1.0 + ${ERFCX.scale} * abs(x));
  return t * ${horner(ERFCX.Q, 't')};
}`;

const finite = (): string => `\
// by its bits: WGSL may assume that no number is infinite or NaN
fn is_finite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}`;

const nan = (): string => `\
// by its bits: WGSL may assume that no number is NaN
fn is_nan(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}`;

const fromBits = (): string => `\
fn from_bits(bits: u32) -> f32 {
  return bitcast<f32>(bits);
}`;

const extreme = (name: 'min' | 'max', lanes: 1 | 4 = 1): string => {
  const of = (type: string, value = ''): string =>
    lanes === 4 ? `vec4<${type}>${value && `(${value})`}` : value || type;
  const suffix = lanes === 4 ? 'x4' : '';
  const better = name === 'max' ? '>' : '<';
  return `\
// NaN where either is: of x by its comparison, of y by its bits
fn ${name}_f32${suffix}(x: ${of('f32')}, y: ${of('f32')}) -> ${of('f32')} {
  return select(x, y, (y ${better} x) | (bitcast<${of('u32')}>(abs(y)) > ${of('u32', '0x7f800000u')}));
}`;
};

const order = (): string => `\
// integers in the order of the numbers: zeros of both signs are equal, NaN is the largest
fn order_f32(x: f32) -> i32 {
  let bits = bitcast<i32>(x);
  let size = bits & 0x7fffffff;
  return select(select(size, -size, bits < 0), 0x7fffffff, size > 0x7f800000);
}`;

const divide = (dtype: 'i32' | 'u32'): string => `\
// by zero it is 0
fn divide_${dtype}(x: ${dtype}, y: ${dtype}) -> ${dtype} {
  return select(x / y, 0, y == 0);
}`;

const toInteger = (dtype: 'i32' | 'u32', largest: string, limit: string): string => `\
// saturates: by itself the conversion ends at the largest f32 below the limit; NaN is 0
fn to_${dtype}(x: f32) -> ${dtype} {
  return select(select(${dtype}(x), ${largest}, x >= ${limit}), 0, is_nan(x));
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

/** Texts in an order in which each stands before its users. */
const TEXTS: Readonly<Record<Helper, (builtin: boolean) => string>> = {
  isNan: nan,
  exp,
  log,
  tanh,
  erf,
  erfcx,
  isFinite: finite,
  fromBits,
  min: () => extreme('min'),
  max: () => extreme('max'),
  min4: () => extreme('min', 4),
  max4: () => extreme('max', 4),
  order,
  divideI32: () => divide('i32'),
  divideU32: () => divide('u32'),
  toI32: () => toInteger('i32', '2147483647i', '2147483648.0'),
  toU32: () => toInteger('u32', '4294967295u', '4294967296.0'),
  threefry,
};

/** The functions that call others. */
const CALLED: Partial<Record<Helper, Helper>> = {
  tanh: 'exp',
  ...{ toI32: 'isNan', toU32: 'isNan' },
};

/** The functions that a module needs, each before its users; with `builtin`, exp is the device's own. */
export function functionsText(helpers: ReadonlySet<Helper>, builtin: boolean): string {
  const needed = new Set([...helpers].flatMap((helper) => [helper, CALLED[helper] ?? helper]));
  return Object.entries(TEXTS)
    .filter(([name]) => needed.has(name as Helper) && !(builtin && name === 'exp'))
    .map(([, text]) => `${text(builtin)}\n\n`)
    .join('');
}
