import { floatBytes, integerBytes, signed, unsigned } from './bytes.ts';
import type { Code, CodeLike, Float, Integer, Kind, Result, Statement, Vector } from './code.ts';

/** Typed builders of the instructions that kernels need, named as in the WebAssembly specification. */

type Word = CodeLike<'i32'>;

export function code<T extends Result>(
  result: T,
  text: string,
  bytes: readonly number[],
  operands: readonly (Code | number)[] = [],
): Code<T> {
  const hasNumbers = operands.some((operand) => typeof operand === 'number');
  return { result, text, operands: hasNumbers ? operands.map(codeOf) : (operands as readonly Code[]), bytes };
}

const CONST = 0x41;

export const codeOf = <T extends Code>(value: T | number): T | Code<'i32'> =>
  typeof value === 'number' ? code('i32', `${value | 0}`, [CONST, ...signed(value)]) : value;

/** The number that code is known to be. */
export const constantOf = (x: Code | number): number | undefined =>
  typeof x === 'number' ? x : x.bytes[0] === CONST ? Number(x.text) : undefined;

const simd = (opcode: number): number[] => [0xfd, ...unsigned(opcode)];

/** What an instruction's name begins with, and the kind of its operands. */
const KINDS = { i32: 'i32', f32: 'f32', v128: 'v128', i32x4: 'v128', f32x4: 'v128' } as const;
type Kinds = typeof KINDS;

const unary =
  <R extends Result, A extends Kind>(result: R, _of: A, text: string, bytes: readonly number[]) =>
  (x: CodeLike<A>): Code<R> =>
    code(result, text, bytes, [x]);
const binary =
  <R extends Result, A extends Kind>(result: R, _of: A, text: string, bytes: readonly number[]) =>
  (x: CodeLike<A>, y: CodeLike<A>): Code<R> =>
    code(result, text, bytes, [x, y]);
const shift =
  (result: 'v128', _of: 'v128', text: string, bytes: readonly number[]) => (x: Vector, count: Word) =>
    code(result, text, bytes, [x, count]);

/** An instruction of each name, whose opcodes follow each other in the specification; `ltS` is spelled `lt_s`. */
function numbered<T extends keyof Kinds, F, const N extends readonly string[]>(
  type: T,
  first: number,
  make: (result: Kinds[T], of: Kinds[T], text: string, bytes: readonly number[]) => F,
  ...names: N
): { readonly [K in N[number]]: F } {
  const kind = KINDS[type];
  const entries = names.map((name, i) => {
    const text = `${type}.${name.replace(/[SU]$/, (sign) => `_${sign.toLowerCase()}`)}`;
    return [name, make(kind, kind, text, kind === 'v128' ? simd(first + i) : [first + i])];
  });
  return Object.fromEntries(entries);
}

/** Immediates of an access are the power of two that the address is a multiple of, and a constant offset. */
const access = (text: string, bytes: readonly number[], offset: number, alignment: number) =>
  [offset === 0 ? text : `${text} offset=${offset}`, [...bytes, alignment, ...unsigned(offset)]] as const;

const load =
  <R extends Kind>(result: R, text: string, bytes: readonly number[], alignment = 2) =>
  (address: Word, offset = 0): Code<R> =>
    code(result, ...access(text, bytes, offset, alignment), [address]);
const store =
  <A extends Kind>(_of: A, text: string, bytes: readonly number[], alignment = 2) =>
  (address: Word, value: CodeLike<A>, offset = 0): Statement =>
    code('none', ...access(text, bytes, offset, alignment), [address, value]);

/** An access to one lane, which is its last immediate. */
const ofLane = <R extends Result>(
  result: R,
  [text, bytes]: readonly [string, readonly number[]],
  lane: number,
  operands: readonly (Code | number)[],
): Code<R> => code(result, `${text} ${lane}`, [...bytes, lane], operands);

export const i32 = {
  const: codeOf as (value: number) => Integer,
  load: load('i32', 'i32.load', [0x28]),
  store: store('i32', 'i32.store', [0x36]),
  load16: load('i32', 'i32.load16_u', [0x2f], 1),
  store16: store('i32', 'i32.store16', [0x3b], 1),
  ...numbered('i32', 0x45, unary, 'eqz'),
  ...numbered('i32', 0x46, binary, 'eq', 'ne', 'ltS', 'ltU', 'gtS', 'gtU', 'leS', 'leU', 'geS', 'geU'),
  ...numbered('i32', 0x6a, binary, 'add', 'sub', 'mul', 'divS', 'divU', 'remS', 'remU'),
  ...numbered('i32', 0x71, binary, 'and', 'or', 'xor', 'shl', 'shrS', 'shrU'),
  reinterpret: unary('i32', 'f32', 'i32.reinterpret_f32', [0xbc]),
  truncateS: unary('i32', 'f32', 'i32.trunc_sat_f32_s', [0xfc, 0x00]),
  truncateU: unary('i32', 'f32', 'i32.trunc_sat_f32_u', [0xfc, 0x01]),
} as const;

const comparison = (_: 'f32', of: 'f32', text: string, bytes: readonly number[]) =>
  binary('i32', of, text, bytes);

const floatText = (value: number): string => {
  if (Object.is(value, -0)) return '-0.0';
  const short = String(Number(value.toPrecision(8)));
  return /[.e]|Infinity|NaN/.test(short) ? short.replace('Infinity', 'inf') : `${short}.0`;
};

export const f32 = {
  const: (value: number): Float => code('f32', floatText(value), [0x43, ...floatBytes(value)]),
  load: load('f32', 'f32.load', [0x2a]),
  store: store('f32', 'f32.store', [0x38]),
  ...numbered('f32', 0x5b, comparison, 'eq', 'ne', 'lt', 'gt', 'le'),
  ...numbered('f32', 0x8b, unary, 'abs', 'neg', 'ceil', 'floor', 'trunc', 'nearest', 'sqrt'),
  ...numbered('f32', 0x92, binary, 'add', 'sub', 'mul', 'div', 'min', 'max'),
  convertS: unary('f32', 'i32', 'f32.convert_i32_s', [0xb2]),
  convertU: unary('f32', 'i32', 'f32.convert_i32_u', [0xb3]),
} as const;

/** Whole vectors, whatever their lanes hold. */
export const v128 = {
  load: load('v128', 'v128.load', simd(0)),
  /** one element, repeated in all lanes */
  loadSplat: load('v128', 'v128.load32_splat', simd(9)),
  store: store('v128', 'v128.store', simd(11)),
  /** four words of 16 bits, zero-extended */
  load16x4: load('v128', 'v128.load16x4_u', simd(4), 1),
  /** the lower 64 bits */
  storeLow: (address: Word, value: Vector, offset = 0): Statement =>
    ofLane('none', access('v128.store64_lane', simd(91), offset, 1), 0, [address, value]),
  /** `vector` with one lane loaded */
  loadLane: (address: Word, vector: Vector, lane: number, offset = 0): Vector =>
    ofLane('v128', access('v128.load32_lane', simd(86), offset, 2), lane, [address, vector]),
  storeLane: (address: Word, vector: Vector, lane: number, offset = 0): Statement =>
    ofLane('none', access('v128.store32_lane', simd(90), offset, 2), lane, [address, vector]),
  /** lanes 0–3 are x's, 4–7 are y's */
  shuffle: (x: Vector, y: Vector, lanes: readonly [number, number, number, number]): Vector => {
    const bytes = lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => lane * 4 + byte));
    return code('v128', `shuffle32 ${lanes.join(' ')}`, [...simd(13), ...bytes], [x, y]);
  },
  ...numbered('v128', 77, unary, 'not'),
  /** andnot: x and not y */
  ...numbered('v128', 78, binary, 'and', 'andnot', 'or', 'xor'),
  /** bits of `yes` where `mask` is set, else of `no` */
  select: (mask: Vector, yes: Vector, no: Vector): Vector =>
    code('v128', 'v128.bitselect', simd(82), [yes, no, mask]),
} as const;

/** Text of the vector whose bits are all set. */
export const ALL_ONES = 'i32x4(-1)';

export const i32x4 = {
  const: (a: number, b = a, c = a, d = a): Vector => {
    const lanes = [a, b, c, d];
    const same = lanes.every((lane) => lane === a);
    const text = `i32x4(${same ? a | 0 : lanes.map((lane) => lane | 0).join(' ')})`;
    return code('v128', text, [...simd(12), ...lanes.flatMap(integerBytes)]);
  },
  splat: unary('v128', 'i32', 'i32x4.splat', simd(17)),
  lane: (x: Vector, lane: number): Integer => ofLane('i32', ['i32x4.extract_lane', simd(27)], lane, [x]),
  replace: (x: Vector, value: Word, lane: number): Vector =>
    ofLane('v128', ['i32x4.replace_lane', simd(28)], lane, [x, value]),
  ...numbered('i32x4', 55, binary, 'eq', 'ne', 'ltS', 'ltU', 'gtS', 'gtU', 'leS', 'leU', 'geS', 'geU'),
  ...numbered('i32x4', 160, unary, 'abs', 'neg'),
  ...numbered('i32x4', 171, shift, 'shl', 'shrS', 'shrU'),
  ...numbered('i32x4', 174, binary, 'add'),
  ...numbered('i32x4', 177, binary, 'sub'),
  ...numbered('i32x4', 181, binary, 'mul', 'minS', 'minU', 'maxS', 'maxU'),
  /** the lower 16 bits of lanes that need no more: x in the lower half, y in the upper */
  narrow: binary('v128', 'v128', 'i16x8.narrow_i32x4_u', simd(134)),
  truncateS: unary('v128', 'v128', 'i32x4.trunc_sat_f32x4_s', simd(248)),
  truncateU: unary('v128', 'v128', 'i32x4.trunc_sat_f32x4_u', simd(249)),
} as const;

export const f32x4 = {
  const: (value: number): Vector => {
    const lane = floatBytes(value);
    return code('v128', `f32x4(${floatText(value)})`, [...simd(12), ...lane, ...lane, ...lane, ...lane]);
  },
  splat: unary('v128', 'f32', 'f32x4.splat', simd(19)),
  lane: (x: Vector, lane: number): Float => ofLane('f32', ['f32x4.extract_lane', simd(31)], lane, [x]),
  ...numbered('f32x4', 65, binary, 'eq', 'ne', 'lt', 'gt', 'le'),
  ...numbered('f32x4', 103, unary, 'ceil', 'floor', 'trunc', 'nearest'),
  ...numbered('f32x4', 224, unary, 'abs', 'neg'),
  ...numbered('f32x4', 227, unary, 'sqrt'),
  /** pmin: y < x ? y : x, which is one machine instruction, unlike min */
  ...numbered('f32x4', 228, binary, 'add', 'sub', 'mul', 'div', 'min', 'max', 'pmin'),
  /** x · y + z, rounded once or twice as the machine likes: relaxed SIMD */
  relaxedMadd: (x: Vector, y: Vector, z: Vector): Vector =>
    code('v128', 'f32x4.relaxed_madd', simd(0x105), [x, y, z]),
  convertS: unary('v128', 'v128', 'f32x4.convert_i32x4_s', simd(250)),
  convertU: unary('v128', 'v128', 'f32x4.convert_i32x4_u', simd(251)),
} as const;

export const memory = {
  /** sets `length` bytes from `address` on to `byte` */
  fill: (address: Word, byte: Word, length: Word): Statement =>
    code('none', 'memory.fill', [0xfc, 11, 0], [address, byte, length]),
  copy: (to: Word, from: Word, length: Word): Statement =>
    code('none', 'memory.copy', [0xfc, 10, 0, 0], [to, from, length]),
} as const;

/** An imported global: the base address of this worker's scratch memory. */
export const globalGet = (index: number, name: string): Integer =>
  code('i32', `global $${name}`, [0x23, ...unsigned(index)]);

/** x + y, with constants folded. */
export function plus(x: Word, y: Word): Integer {
  const [a, b] = [constantOf(x), constantOf(y)];
  if (a !== undefined && b !== undefined) return i32.const(a + b);
  if (a === 0) return codeOf(y);
  return b === 0 ? codeOf(x) : i32.add(x, y);
}

/** x · y, with constants folded and powers of two shifted. */
export function times(x: Word, y: Word): Integer {
  const [a, b] = [constantOf(x), constantOf(y)];
  if (a !== undefined && b !== undefined) return i32.const(Math.imul(a, b));
  if (a !== undefined) return times(y, x);
  if (b === 0) return i32.const(0);
  if (b === 1) return codeOf(x);
  if (b !== undefined && b > 0 && (b & (b - 1)) === 0) return i32.shl(x, Math.log2(b));
  return i32.mul(x, y);
}
