import { PARITY, ROTATIONS } from '../../base/random.ts';
import { elementwise } from '../../kernel/elementwise.ts';
import * as math from '../../kernel/transcendental.ts';

const decimal = (value: number): string => (Number.isInteger(value) ? `${value}.0` : `${value}`);

/** The arithmetic of a function of x, whose statements go into `lines`. */
function arithmetic(lines: string[], builtin: boolean): math.BitArithmetic<math.ArithmeticText> {
  const keep = (name: string, { text }: math.ArithmeticText): math.ArithmeticText => {
    lines.push(`let ${name} = ${text};`);
    return math.operand(name);
  };
  return {
    ...math.infixArithmetic,
    number: (value) => math.operand(decimal(value)),
    abs: ({ text }) => math.operand(`abs(${text})`),
    madd: (x, y, z) => math.operand(`fma(${x.text}, ${y.text}, ${z.text})`),
    atMost: ({ text }, most) => math.operand(`select(${text}, ${decimal(most)}, ${text} > ${decimal(most)})`),
    below: ({ text }, limit, yes, no) =>
      math.operand(`select(${no.text}, ${yes.text}, ${text} < ${decimal(limit)})`),
    withSign: ({ text }, x) => math.operand(`select(${text}, -${text}, ${x.text} < 0.0)`),
    keep,
    exp: ({ text }) => math.operand(`${builtin ? 'exp' : 'exp_f32'}(${text})`),
    log: ({ text }) => math.operand(`${builtin ? 'log' : 'log_f32'}(${text})`),
    nearest(name, x) {
      const n = keep(name, math.operand(`round(${x.text})`));
      return [n, n];
    },
    timesSign: ({ text }, n) =>
      math.operand(`bitcast<f32>(bitcast<u32>(${text}) ^ (u32(i32(${n.text})) << 31u))`),
    // by its bits: WGSL has no NaN to write down
    invalid: (x) => math.operand(`bitcast<f32>(bitcast<u32>(${x.text}) | 0x7fc00000u)`),
    infinity: (x) => math.operand(`bitcast<f32>((bitcast<u32>(${x.text}) & 0u) | 0x7f800000u)`),
    high: ({ text }) => math.operand(`bitcast<f32>(bitcast<u32>(${text}) & 0xfffff000u)`),
    // two factors, because n = 128 has no f32 power of its own
    timesPower({ text }, n) {
      lines.push(`let whole = i32(clamp(${n.text}, -127.0, 128.0));`, 'let half = whole >> 1u;');
      return math.operand(
        `${text} * bitcast<f32>((half + 127) << 23u) * bitcast<f32>((whole - half + 127) << 23u)`,
      );
    },
    expEnds: (_, { text }) =>
      math.operand(`select(select(${text}, exp(x), x > ${math.EXP.highest}), 0.0, x < ${math.EXP.lowest})`),
    split() {
      lines.push(
        'let bits = bitcast<u32>(x);',
        'let magnitude = bits & 0x7fffffffu;',
        'let tiny = bits < 0x800000u;',
        `let shifted = bitcast<i32>(select(bits, bitcast<u32>(f32(bits)), tiny)) - ${math.LOG.sqrtHalfBits};`,
        'let e = f32((shifted >> 23u) - select(0, 149, tiny));',
        `let f = bitcast<f32>((shifted & ${0x7fffff}) + ${math.LOG.sqrtHalfBits}) - 1.0;`,
      );
      return [math.operand('e'), math.operand('f')];
    },
    logEnds(_, { text }) {
      lines.push(
        '// infinity and NaN are themselves, negative numbers NaN, zeros the negative infinity',
        'let past = select(bits | 0x7fc00000u, bits, bits == 0x7f800000u);',
        'let special = bitcast<f32>(select(past, bits | 0xff800000u, magnitude == 0u));',
      );
      return math.operand(`select(${text}, special, (magnitude == 0u) | (bits >= 0x7f800000u))`);
    },
  };
}

/** A function of `kernel/transcendental.ts`; with `builtin`, the exp that others call is the device's own. */
const mathText =
  (name: math.Transcendental, ...comments: readonly string[]) =>
  (builtin: boolean): string => {
    const lines: string[] = [];
    const m = arithmetic(lines, builtin);
    const names = ['x', 'y'].slice(0, elementwise[name].arity);
    const { text } = math.writeOut(name, m, names.map(math.operand));
    const parameters = names.map((each) => `${each}: f32`).join(', ');
    const body = [...lines, `return ${text};`].map((line) => `  ${line}`);
    return [...comments, `fn ${name}_f32(${parameters}) -> f32 {`, ...body, '}'].join('\n');
  };

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

/** Texts by the name that is called, each before its users; `builtin`: functions of the device are called where it has them. */
const TEXTS = {
  is_nan: () => `\
// by its bits: WGSL may assume that no number is NaN
fn is_nan(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}`,
  exp_f32: mathText(
    'exp',
    '// e^x = 2^n e^r; what is below the smallest normal number is 0, what overflows is left to the device',
  ),
  log_f32: mathText(
    'log',
    '// log x = e log 2 + log(1 + f), from the bits alone: devices may take subnormal numbers for 0 and know no infinities',
  ),
  log1p_f32: mathText('log1p'),
  sin_f32: mathText('sin'),
  cos_f32: mathText('cos'),
  powr_f32: mathText('powr'),
  tanh_f32: mathText('tanh'),
  erf_f32: mathText('erf'),
  erfcx_f32: mathText('erfcx'),
  is_finite: () => `\
// by its bits: WGSL may assume that no number is infinite or NaN
fn is_finite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}`,
  from_bits: () => `\
fn from_bits(bits: u32) -> f32 {
  return bitcast<f32>(bits);
}`,
  min_f32: () => extreme('min'),
  max_f32: () => extreme('max'),
  max_f32x4: () => extreme('max', 4),
  order_f32: () => `\
// integers in the order of the numbers: zeros of both signs are equal, NaN is the largest
fn order_f32(x: f32) -> i32 {
  let bits = bitcast<i32>(x);
  let size = bits & 0x7fffffff;
  return select(select(size, -size, bits < 0), 0x7fffffff, size > 0x7f800000);
}`,
  divide_i32: () => divide('i32'),
  divide_u32: () => divide('u32'),
  to_i32: () => toInteger('i32', '2147483647i', '2147483648.0'),
  to_u32: () => toInteger('u32', '4294967295u', '4294967296.0'),
  threefry: () => `\
fn rotate_left(x: u32, bits: u32) -> u32 {
  return (x << bits) | (x >> (32u - bits));
}
// Threefry-2x32, 20 rounds (Salmon et al. 2011)
fn threefry(key: vec2<u32>, counter: vec2<u32>) -> vec2<u32> {
  var keys = array<u32, 3>(key.x, key.y, 0x${PARITY.toString(16)}u ^ key.x ^ key.y);
  var rotations = array<u32, 8>(${ROTATIONS.map((bits) => `${bits}u`).join(', ')});
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
}`,
} satisfies Readonly<Record<string, (builtin: boolean) => string>>;

/** The name of a function that a module may define. */
export type Helper = keyof typeof TEXTS;

/** Names that the texts above take. */
export const HELPER_NAMES: readonly string[] = [...Object.keys(TEXTS), 'rotate_left'];

/** The functions that a module needs, and those that they call; with `builtin`, exp is the device's own. */
export function functionsText(helpers: ReadonlySet<Helper>, builtin: boolean): string {
  let text = '';
  for (const [name, write] of Object.entries(TEXTS).reverse()) {
    const isNeeded = helpers.has(name as Helper) || text.includes(`${name}(`);
    if (isNeeded) text = `${write(builtin)}\n\n${text}`;
  }
  return text;
}
