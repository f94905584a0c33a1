import { defined } from '../../base/errors.ts';
import type { ValueType } from '../../kernel/ir.ts';
import type { Helper } from './functions.ts';
import { freeName } from './names.ts';

/** An expression; `atomic` ones need no parentheses inside another. */
export interface Text {
  readonly text: string;
  readonly atomic: boolean;
}

export const atom = (text: string): Text => ({ text, atomic: true });
export const compound = (text: string): Text => ({ text, atomic: false });
export const wrap = ({ text, atomic }: Text): string => (atomic ? text : `(${text})`);

const isNumber = (text: string): boolean => /^\d+$/.test(text);

/** An index in front of an operator. */
export const operandText = (index: string): string => (/^\w+$/.test(index) ? index : `(${index})`);

/** An index, in text, times a number. */
export function times(index: string, factor: number): string {
  if (factor === 1 || index === '0') return index;
  return isNumber(index) ? `${Number(index) * factor}` : `${operandText(index)} * ${factor}`;
}

/** The sum of indices in text. */
export function plus(...indices: readonly string[]): string {
  if (indices.every(isNumber)) return `${indices.reduce((sum, index) => sum + Number(index), 0)}`;
  return indices.filter((index) => index !== '0').join(' + ');
}

/** Conditions joined without branching. */
export const allOf = (conditions: readonly string[]): string =>
  conditions.map((condition) => (conditions.length === 1 ? condition : `(${condition})`)).join(' & ');

/** `line` where all conditions hold. */
export const guarded = (conditions: readonly string[], line: string): string =>
  conditions.length === 0 ? line : `if (${allOf(conditions)}) { ${line} }`;

/** `.x` or `[counter]`: the component of a vec4 for a lane, which is a number or a counter. */
export const componentOf = (lane: string): string =>
  isNumber(lane) ? `.${'xyzw'[Number(lane)]}` : `[${lane}]`;

/**
 * A number as a text of `dtype`. WGSL has no literal for what is not finite, refuses constant expressions of that value, and may take
 * −0 for 0: a function of the module makes them from their bits.
 */
export function literal(helpers: Set<Helper>, value: number, dtype: ValueType): string {
  if (dtype === 'bool') return value === 0 ? 'false' : 'true';
  if (dtype === 'u32') return `${value >>> 0}u`;
  if (dtype === 'i32') return value === -2147483648 ? 'i32(-2147483648)' : `${Math.trunc(value)}`;
  const single = Math.fround(value);
  if (Number.isFinite(single) && !Object.is(single, -0)) {
    return /^-?\d+$/.test(`${value}`) ? `${value}.0` : `${value}`;
  }
  helpers.add('from_bits');
  const bits = Number.isNaN(single) ? '7fc' : single === 0 ? '800' : single > 0 ? '7f8' : 'ff8';
  return `from_bits(0x${bits}00000u)`;
}

/** The inside of a pair of braces while it is being written. */
export interface Block {
  readonly lines: string[];
  readonly names: Set<string>;
  /** expressions that have a name here: key → name */
  readonly known: Map<string, string>;
}

/** Where a counter begins (at 0 unless said), where it ends, and in which steps it gets there. */
export interface Range {
  readonly from?: string;
  readonly to: string | number;
  readonly by?: number;
}

export const rangeText = (counter: string, { from = '0', to, by = 1 }: Range): string =>
  `var ${counter} = ${from}; ${counter} < ${to}; ${counter}${by === 1 ? '++' : ` += ${by}`}`;

const emptyBlock = (): Block => ({ lines: [], names: new Set(), known: new Map() });

/**
 * Writes nested blocks of text. A line may be put into any open block: what is written into an outer one stands before
 * the inner block, which is how expressions that do not depend on a loop's counter move out of it.
 */
export class Writer {
  readonly #open: Block[] = [emptyBlock()];

  get innermost(): Block {
    return defined(this.#open[this.#open.length - 1], 'open block');
  }

  line(text: string, block: Block = this.innermost): void {
    block.lines.push(text);
  }

  /** A name that no open block has yet, declared in `block`. */
  declare(wanted: string, block: Block = this.innermost): string {
    const name = freeName(wanted, (candidate) => this.#open.some(({ names }) => names.has(candidate)));
    block.names.add(name);
    return name;
  }

  /** `head { … }` with what `body` writes inside; without head, braces only around names. */
  block(head: string, body: (block: Block) => void): void {
    const block = this.capture(body);
    if (head === '' && block.names.size === 0) {
      for (const line of block.lines) this.line(line);
      return;
    }
    this.line(head === '' ? '{' : `${head} {`);
    for (const line of block.lines) this.line(line === '' ? '' : `  ${line}`);
    this.line('}');
  }

  /** A loop over a range with a counter called `wanted`, whose name is free again behind it. */
  loop(wanted: string, range: Range, body: (counter: string, block: Block) => void): void {
    const counter = this.declare(wanted);
    this.block(`for (${rangeText(counter, range)})`, (block) => body(counter, block));
    this.innermost.names.delete(counter);
  }

  /** What `body` writes, apart from the text; used where a block is written twice to learn how it ends. */
  capture(body: (block: Block) => void): Block {
    const block = emptyBlock();
    this.#open.push(block);
    body(block);
    this.#open.pop();
    return block;
  }

  /** The name that an open block gave to the expression `key`. */
  nameOf(key: string): string | undefined {
    return this.#open.find(({ known }) => known.has(key))?.known.get(key);
  }

  /** `let name = text;` in `block`, remembered under `key`. */
  bind(key: string, wanted: string, text: string | (() => string), block: Block = this.innermost): string {
    const known = this.nameOf(key);
    if (known !== undefined) return known;
    const name = this.let(wanted, typeof text === 'string' ? text : text(), block);
    block.known.set(key, name);
    return name;
  }

  /** `let name = text;` under a free name like `wanted`, which it gives. */
  let(wanted: string, text: string, block: Block = this.innermost): string {
    const name = this.declare(wanted, block);
    this.line(`let ${name} = ${text};`, block);
    return name;
  }

  /** `var` under a free name like `wanted`, which it gives; `rest`: type, initialiser or both. */
  var(wanted: string, rest: string): string {
    const name = this.declare(wanted);
    this.line(`var ${name}${rest};`);
    return name;
  }
}
