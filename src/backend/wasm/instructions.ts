import { floatBytes, integerBytes, signed, unsigned } from './bytes.ts';
import { type Code, code, type Kind, type Result, type Statement } from './code.ts';

/** Typed builders of the instructions that kernels need, named as in the WebAssembly specification. */

const unary =
  <A extends Kind, R extends Result>(_from: A, to: R, text: string, ...bytes: readonly number[]) =>
  (x: Code<A>): Code<R> =>
    code(to, text, bytes, [x]);
const binary =
  <A extends Kind, R extends Result>(_from: A, to: R, text: string, ...bytes: readonly number[]) =>
  (x: Code<A>, y: Code<A>): Code<R> =>
    code(to, text, bytes, [x, y]);

const integerBinary = (text: string, opcode: number) => binary('i32', 'i32', `i32.${text}`, opcode);
const floatBinary = (text: string, opcode: number) => binary('f32', 'f32', `f32.${text}`, opcode);
const floatUnary = (text: string, opcode: number) => unary('f32', 'f32', `f32.${text}`, opcode);
const floatCompare = (text: string, opcode: number) => binary('f32', 'i32', `f32.${text}`, opcode);

/** Immediates of an access: the power of two that the address is a multiple of, and a constant offset. */
const access = (offset: number, alignment = 2): number[] => [alignment, ...unsigned(offset)];
const at = (text: string, offset: number): string => (offset === 0 ? text : `${text} offset=${offset}`);

export const i32 = {
  const: (value: number): Code<'i32'> => code('i32', `${value | 0}`, [0x41, ...signed(value)]),
  load: (address: Code<'i32'>, offset = 0): Code<'i32'> =>
    code('i32', at('i32.load', offset), [0x28, ...access(offset)], [address]),
  store: (address: Code<'i32'>, value: Code<'i32'>, offset = 0): Statement =>
    code('none', at('i32.store', offset), [0x36, ...access(offset)], [address, value]),
  load16: (address: Code<'i32'>, offset = 0): Code<'i32'> =>
    code('i32', at('i32.load16_u', offset), [0x2f, ...access(offset, 1)], [address]),
  store16: (address: Code<'i32'>, value: Code<'i32'>, offset = 0): Statement =>
    code('none', at('i32.store16', offset), [0x3b, ...access(offset, 1)], [address, value]),
  eqz: unary('i32', 'i32', 'i32.eqz', 0x45),
  eq: integerBinary('eq', 0x46),
  ne: integerBinary('ne', 0x47),
  ltS: integerBinary('lt_s', 0x48),
  ltU: integerBinary('lt_u', 0x49),
  gtS: integerBinary('gt_s', 0x4a),
  leS: integerBinary('le_s', 0x4c),
  leU: integerBinary('le_u', 0x4d),
  geS: integerBinary('ge_s', 0x4e),
  geU: integerBinary('ge_u', 0x4f),
  add: integerBinary('add', 0x6a),
  sub: integerBinary('sub', 0x6b),
  mul: integerBinary('mul', 0x6c),
  divS: integerBinary('div_s', 0x6d),
  divU: integerBinary('div_u', 0x6e),
  remS: integerBinary('rem_s', 0x6f),
  remU: integerBinary('rem_u', 0x70),
  and: integerBinary('and', 0x71),
  or: integerBinary('or', 0x72),
  xor: integerBinary('xor', 0x73),
  shl: integerBinary('shl', 0x74),
  shrS: integerBinary('shr_s', 0x75),
  shrU: integerBinary('shr_u', 0x76),
  reinterpret: unary('f32', 'i32', 'i32.reinterpret_f32', 0xbc),
  truncateS: unary('f32', 'i32', 'i32.trunc_sat_f32_s', 0xfc, 0x00),
  truncateU: unary('f32', 'i32', 'i32.trunc_sat_f32_u', 0xfc, 0x01),
} as const;

const floatText = (value: number): string => {
  if (Object.is(value, -0)) return '-0.0';
  const short = String(Number(value.toPrecision(8)));
  return /[.e]|Infinity|NaN/.test(short) ? short.replace('Infinity', 'inf') : `${short}.0`;
};

export const f32 = {
  const: (value: number): Code<'f32'> => code('f32', floatText(value), [0x43, ...floatBytes(value)]),
  load: (address: Code<'i32'>, offset = 0): Code<'f32'> =>
    code('f32', at('f32.load', offset), [0x2a, ...access(offset)], [address]),
  store: (address: Code<'i32'>, value: Code<'f32'>, offset = 0): Statement =>
    code('none', at('f32.store', offset), [0x38, ...access(offset)], [address, value]),
  eq: floatCompare('eq', 0x5b),
  ne: floatCompare('ne', 0x5c),
  lt: floatCompare('lt', 0x5d),
  gt: floatCompare('gt', 0x5e),
  le: floatCompare('le', 0x5f),
  abs: floatUnary('abs', 0x8b),
  neg: floatUnary('neg', 0x8c),
  floor: floatUnary('floor', 0x8e),
  sqrt: floatUnary('sqrt', 0x91),
  add: floatBinary('add', 0x92),
  sub: floatBinary('sub', 0x93),
  mul: floatBinary('mul', 0x94),
  div: floatBinary('div', 0x95),
  min: floatBinary('min', 0x96),
  max: floatBinary('max', 0x97),
  convertS: unary('i32', 'f32', 'f32.convert_i32_s', 0xb2),
  convertU: unary('i32', 'f32', 'f32.convert_i32_u', 0xb3),
} as const;

const simd = (opcode: number): number[] => [0xfd, ...unsigned(opcode)];
const vectorUnary = (text: string, opcode: number) => unary('v128', 'v128', text, ...simd(opcode));
const vectorBinary = (text: string, opcode: number) => binary('v128', 'v128', text, ...simd(opcode));
const shift =
  (text: string, opcode: number) =>
  (x: Code<'v128'>, count: Code<'i32'>): Code<'v128'> =>
    code('v128', text, simd(opcode), [x, count]);

/** Whole vectors, whatever their lanes hold. */
export const v128 = {
  load: (address: Code<'i32'>, offset = 0): Code<'v128'> =>
    code('v128', at('v128.load', offset), [...simd(0), ...access(offset)], [address]),
  /** one element, repeated in all lanes */
  loadSplat: (address: Code<'i32'>, offset = 0): Code<'v128'> =>
    code('v128', at('v128.load32_splat', offset), [...simd(9), ...access(offset)], [address]),
  store: (address: Code<'i32'>, value: Code<'v128'>, offset = 0): Statement =>
    code('none', at('v128.store', offset), [...simd(11), ...access(offset)], [address, value]),
  /** four words of 16 bits, zero-extended */
  load16x4: (address: Code<'i32'>, offset = 0): Code<'v128'> =>
    code('v128', at('v128.load16x4_u', offset), [...simd(4), ...access(offset, 1)], [address]),
  /** the lower 64 bits */
  storeLow: (address: Code<'i32'>, value: Code<'v128'>, offset = 0): Statement =>
    code(
      'none',
      `${at('v128.store64_lane', offset)} 0`,
      [...simd(91), ...access(offset, 1), 0],
      [address, value],
    ),
  /** `vector` with one lane loaded */
  loadLane: (address: Code<'i32'>, vector: Code<'v128'>, lane: number, offset = 0): Code<'v128'> =>
    code(
      'v128',
      `${at('v128.load32_lane', offset)} ${lane}`,
      [...simd(86), ...access(offset), lane],
      [address, vector],
    ),
  storeLane: (address: Code<'i32'>, vector: Code<'v128'>, lane: number, offset = 0): Statement =>
    code(
      'none',
      `${at('v128.store32_lane', offset)} ${lane}`,
      [...simd(90), ...access(offset), lane],
      [address, vector],
    ),
  /** lanes 0–3 are x's, 4–7 are y's */
  shuffle: (x: Code<'v128'>, y: Code<'v128'>, lanes: readonly [number, number, number, number]) =>
    code(
      'v128',
      `shuffle32 ${lanes.join(' ')}`,
      [...simd(13), ...lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => lane * 4 + byte))],
      [x, y],
    ),
  not: vectorUnary('v128.not', 77),
  and: vectorBinary('v128.and', 78),
  /** x and not y */
  andNot: vectorBinary('v128.andnot', 79),
  or: vectorBinary('v128.or', 80),
  xor: vectorBinary('v128.xor', 81),
  /** bits of `yes` where `mask` is set, else of `no` */
  select: (mask: Code<'v128'>, yes: Code<'v128'>, no: Code<'v128'>): Code<'v128'> =>
    code('v128', 'v128.bitselect', simd(82), [yes, no, mask]),
} as const;

/** A vector literal of four equal lanes. */
const repeated = (lane: readonly number[]): number[] => [...simd(12), ...lane, ...lane, ...lane, ...lane];

/** Text of the vector whose bits are all set. */
export const ALL_ONES = 'i32x4(-1)';

export const i32x4 = {
  const: (a: number, b = a, c = a, d = a): Code<'v128'> => {
    const lanes = [a, b, c, d];
    const same = lanes.every((lane) => lane === a);
    const text = `i32x4(${same ? a | 0 : lanes.map((lane) => lane | 0).join(' ')})`;
    return code('v128', text, [...simd(12), ...lanes.flatMap(integerBytes)]);
  },
  splat: unary('i32', 'v128', 'i32x4.splat', ...simd(17)),
  lane: (x: Code<'v128'>, lane: number): Code<'i32'> =>
    code('i32', `i32x4.extract_lane ${lane}`, [...simd(27), lane], [x]),
  replace: (x: Code<'v128'>, value: Code<'i32'>, lane: number): Code<'v128'> =>
    code('v128', `i32x4.replace_lane ${lane}`, [...simd(28), lane], [x, value]),
  eq: vectorBinary('i32x4.eq', 55),
  ne: vectorBinary('i32x4.ne', 56),
  ltS: vectorBinary('i32x4.lt_s', 57),
  ltU: vectorBinary('i32x4.lt_u', 58),
  gtS: vectorBinary('i32x4.gt_s', 59),
  gtU: vectorBinary('i32x4.gt_u', 60),
  leS: vectorBinary('i32x4.le_s', 61),
  leU: vectorBinary('i32x4.le_u', 62),
  geS: vectorBinary('i32x4.ge_s', 63),
  abs: vectorUnary('i32x4.abs', 160),
  neg: vectorUnary('i32x4.neg', 161),
  shl: shift('i32x4.shl', 171),
  shrS: shift('i32x4.shr_s', 172),
  shrU: shift('i32x4.shr_u', 173),
  add: vectorBinary('i32x4.add', 174),
  sub: vectorBinary('i32x4.sub', 177),
  mul: vectorBinary('i32x4.mul', 181),
  minS: vectorBinary('i32x4.min_s', 182),
  minU: vectorBinary('i32x4.min_u', 183),
  maxS: vectorBinary('i32x4.max_s', 184),
  maxU: vectorBinary('i32x4.max_u', 185),
  /** the lower 16 bits of lanes that need no more: x in the lower half, y in the upper */
  narrow: vectorBinary('i16x8.narrow_i32x4_u', 134),
  truncateS: vectorUnary('i32x4.trunc_sat_f32x4_s', 248),
  truncateU: vectorUnary('i32x4.trunc_sat_f32x4_u', 249),
} as const;

export const f32x4 = {
  const: (value: number): Code<'v128'> =>
    code('v128', `f32x4(${floatText(value)})`, repeated(floatBytes(value))),
  splat: unary('f32', 'v128', 'f32x4.splat', ...simd(19)),
  lane: (x: Code<'v128'>, lane: number): Code<'f32'> =>
    code('f32', `f32x4.extract_lane ${lane}`, [...simd(31), lane], [x]),
  eq: vectorBinary('f32x4.eq', 65),
  ne: vectorBinary('f32x4.ne', 66),
  lt: vectorBinary('f32x4.lt', 67),
  gt: vectorBinary('f32x4.gt', 68),
  le: vectorBinary('f32x4.le', 69),
  floor: vectorUnary('f32x4.floor', 104),
  nearest: vectorUnary('f32x4.nearest', 106),
  abs: vectorUnary('f32x4.abs', 224),
  neg: vectorUnary('f32x4.neg', 225),
  sqrt: vectorUnary('f32x4.sqrt', 227),
  add: vectorBinary('f32x4.add', 228),
  sub: vectorBinary('f32x4.sub', 229),
  mul: vectorBinary('f32x4.mul', 230),
  div: vectorBinary('f32x4.div', 231),
  min: vectorBinary('f32x4.min', 232),
  max: vectorBinary('f32x4.max', 233),
  /** x · y + z, rounded once or twice as the machine likes: relaxed SIMD */
  relaxedMadd: (x: Code<'v128'>, y: Code<'v128'>, z: Code<'v128'>): Code<'v128'> =>
    code('v128', 'f32x4.relaxed_madd', simd(0x105), [x, y, z]),
  /** y < x ? y : x, which is one machine instruction, unlike `min` */
  pmin: vectorBinary('f32x4.pmin', 234),
  convertS: vectorUnary('f32x4.convert_i32x4_s', 250),
  convertU: vectorUnary('f32x4.convert_i32x4_u', 251),
} as const;

export const memory = {
  /** sets `length` bytes from `address` on to `byte` */
  fill: (address: Code<'i32'>, byte: Code<'i32'>, length: Code<'i32'>): Statement =>
    code('none', 'memory.fill', [0xfc, 11, 0], [address, byte, length]),
  copy: (to: Code<'i32'>, from: Code<'i32'>, length: Code<'i32'>): Statement =>
    code('none', 'memory.copy', [0xfc, 10, 0, 0], [to, from, length]),
} as const;

/** An imported global: the base address of this worker's scratch memory. */
export const globalGet = (index: number, name: string): Code<'i32'> =>
  code('i32', `global $${name}`, [0x23, ...unsigned(index)]);

const constantOf = (x: Code<'i32'>): number | undefined =>
  x.operands.length === 0 && x.bytes[0] === 0x41 ? Number(x.text) : undefined;

/** x + y, with constants folded. */
export function plus(x: Code<'i32'>, y: Code<'i32'>): Code<'i32'> {
  const [a, b] = [constantOf(x), constantOf(y)];
  if (a !== undefined && b !== undefined) return i32.const((a + b) | 0);
  if (a === 0) return y;
  return b === 0 ? x : i32.add(x, y);
}

/** x · y, with constants folded and powers of two shifted. */
export function times(x: Code<'i32'>, y: Code<'i32'>): Code<'i32'> {
  const [a, b] = [constantOf(x), constantOf(y)];
  if (a !== undefined && b !== undefined) return i32.const(Math.imul(a, b));
  if (a !== undefined) return times(y, x);
  if (b === 0) return i32.const(0);
  if (b === 1) return x;
  if (b !== undefined && b > 0 && (b & (b - 1)) === 0) return i32.shl(x, i32.const(Math.log2(b)));
  return i32.mul(x, y);
}
