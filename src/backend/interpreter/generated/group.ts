/**
 * Chains of element-wise values as one loop of generated JavaScript: what only the chain itself uses stays in local
 * variables and never touches memory. The functions are made with
 * `new Function`; where a page's policy forbids that, `canGenerate` says so and kernels run by their definition.
 */
import { defined } from '../../../base/errors.ts';
import { elementwise, erf, erfcx } from '../../../kernel/elementwise.ts';
import type { Axis, Value } from '../../../kernel/ir.ts';
import { fastOf } from '../loops/transcendental.ts';
import { extentsOf, ownTile, type Preparation, precisionOf, type Step, tileOf } from '../preparation.ts';
import type { Tile } from '../tile.ts';
import {
  castText,
  type ElementValue,
  elementwiseText,
  literal,
  type ReduceValue,
  threefryText,
} from './expressions.ts';

let allowed: boolean | undefined;

/** Whether this engine lets us make functions from text. */
export function canGenerate(): boolean {
  if (allowed === undefined) {
    try {
      allowed = new Function('return true')() === true;
    } catch {
      allowed = false;
    }
  }
  return allowed;
}

/** The value whose tile `value` shares: what renames rename. */
const rootOf = (value: Value): Value => (value.op === 'rename' ? rootOf(value.arg) : value);

/** Writes the text of one group. Names: d data, o offset, r row stride, p position in a row, v and x values. */
class GroupText {
  readonly #at: Preparation;
  readonly #axes: readonly Axis[];
  readonly #tiles: Tile[] = [];
  readonly #names = new Map<Value, string>();
  readonly #words = new Map<string, readonly [string, string]>();
  /** once per run, once per row, once per element */
  readonly #head: string[] = [];
  readonly #row: string[] = [];
  readonly #body: string[] = [];
  readonly #rowEnd: string[] = [];
  readonly #end: string[] = [];
  readonly #totals: Float64Array[] = [];

  constructor(at: Preparation, axes: readonly Axis[]) {
    this.#at = at;
    this.#axes = axes;
  }

  /** Adds a value; `isKept` where anything but the group reads it. */
  add(value: ElementValue, isKept: boolean): void {
    const name = `v${value.id}`;
    const text = this.#expression(value);
    this.#body.push(`const ${name} = ${text};`);
    this.#names.set(value, name);
    if (!isKept) return;
    const tile = this.#bind(ownTile(this.#at, value));
    const wide = this.#axes.length === 2;
    this.#head.push(`const w${value.id} = ${tile}.data;`);
    const place = wide ? '(q + j) | 0' : this.#axes.length === 1 ? 'j' : '0';
    this.#body.push(`w${value.id}[${place}] = ${value.dtype === 'bool' ? `${name} ? 1 : 0` : name};`);
  }

  /** Adds the sum or maximum of a value of the group. The order is that of `loops/reduce.ts`. */
  reduce(value: ReduceValue): void {
    const { id, over, combine } = value;
    const [first, second] = this.#axes;
    const x = this.#read(value.arg);
    const [s, last, w] = [`s${id}`, `l${id}`, `w${id}`];
    const joined = (total: string) => (combine === 'sum' ? `${total} + ${x}` : `Math.max(${total}, ${x})`);
    const start = combine === 'sum' ? '0' : '-Infinity';
    this.#head.push(`const ${w} = ${this.#bind(ownTile(this.#at, value))}.data;`);
    if (second && over.length === 1 && over[0] === first) {
      const at = `totals[${this.#totals.push(new Float64Array(second.size)) - 1}]`;
      this.#head.push(`const ${s} = ${at};`, `${s}.fill(${start});`);
      this.#body.push(`${s}[j] = ${joined(`${s}[j]`)};`);
      this.#end.push(`${w}.set(${s});`);
      return;
    }
    const byRow = second !== undefined && over.length === 1;
    (byRow ? this.#row : this.#head).push(`let ${s} = ${start}, ${last} = 0;`);
    this.#body.push(`${s} = ${joined(s)};`, `${last} = ${x};`);
    const end = byRow ? this.#rowEnd : this.#end;
    const size = defined(second ?? first, 'axis').size;
    if (combine === 'sum') {
      // what lies past the extent equals the last element before it
      end.push(`if (${last} !== 0) for (let r = columns; r < ${size}; r++) ${s} += ${last};`);
    }
    end.push(`${w}[${byRow ? 'i' : '0'}] = ${s};`);
  }

  finish(): Step {
    const [first, second] = this.#axes;
    const lines = [
      ...this.#tiles.map((_, i) => `const t${i} = tiles[${i}];`),
      'return () => {',
      ...this.#head,
    ];
    const columns = second ?? first;
    if (columns) {
      if (second) {
        lines.push('const rows = rowExtent.value;', 'const columns = columnExtent.value;');
        lines.push(`for (let i = 0; i < rows; i++) {`, `const q = i * ${second.size};`, ...this.#row);
      } else lines.push('const columns = columnExtent.value;', ...this.#row);
      lines.push('for (let j = 0; j < columns; j = (j + 1) | 0) {', ...this.#body, '}');
      if (second) lines.push(...this.#rowEnd, '}');
      lines.push(...this.#end);
    } else lines.push(...this.#body);
    lines.push('};');
    const isSingle = this.#at.precision === 'f32';
    const { rows, columns: width } = extentsOf(this.#at, this.#axes);
    const parameters: Record<string, unknown> = {
      tiles: this.#tiles,
      totals: this.#totals,
      exp: Math.exp,
      tanh: Math.tanh,
      erf: isSingle ? fastOf('erf') : erf,
      erfcx: isSingle ? fastOf('erfcx') : erfcx,
      rowExtent: rows,
      columnExtent: width,
    };
    const make = new Function(...Object.keys(parameters), lines.join('\n'));
    return make(...Object.values(parameters)) as Step;
  }

  #expression(value: ElementValue): string {
    const precision = precisionOf(this.#at, value);
    switch (value.op) {
      case 'elementwise': {
        const { arity } = elementwise[value.fn];
        const { dtype } = defined(value.args[arity - 1], 'argument');
        const args = value.args.map((arg) => this.#read(arg));
        return elementwiseText(value.fn, dtype, value.dtype, args, precision);
      }
      case 'cast':
        return castText(this.#read(value.arg), value.arg.dtype, value.dtype, precision);
      case 'inside':
        return `${this.#index(value.span.axis)} + ${this.#read(value.span.start)} < ${this.#read(value.span.limit)}`;
      case 'random':
        return `${this.#randomWords(value)[value.word]} >>> 0`;
    }
  }

  /** Names of both words; a second value of the same key and counter computes nothing. */
  #randomWords(value: Value & { readonly op: 'random' }): readonly [string, string] {
    const [key0, key1, counter0, counter1] = [value.key0, value.key1, value.counter0, value.counter1].map(
      (part) => this.#read(part),
    ) as [string, string, string, string];
    const key = [key0, key1, counter0, counter1].join(' ');
    const known = this.#words.get(key);
    if (known) return known;
    const names = [`a${value.id}`, `b${value.id}`] as const;
    const keys = [0, 1, 2].map((i) => `k${value.id}_${i}`);
    this.#body.push(`const ${keys[0]} = ${key0} | 0, ${keys[1]} = ${key1} | 0;`);
    this.#body.push(`const ${keys[2]} = 0x1bd11bda ^ ${keys[0]} ^ ${keys[1]};`);
    this.#body.push(...threefryText(...names, [counter0, counter1], keys));
    this.#words.set(key, names);
    return names;
  }

  #index(axis: Axis): string {
    return this.#axes.length === 2 && this.#axes[0] === axis ? 'i' : 'j';
  }

  #bind(tile: Tile): string {
    const known = this.#tiles.indexOf(tile);
    return `t${known >= 0 ? known : this.#tiles.push(tile) - 1}`;
  }

  /** The text of an operand; its first use places the reads. Tiles that are read here have a column stride of 1. */
  #read(operand: Value): string {
    const known = this.#names.get(operand);
    if (known) return known;
    const root = rootOf(operand);
    if (root.op === 'constant' || root.op === 'fill')
      return literal(root.value, root.dtype, this.#at.precision);
    if (root.op === 'arange') return this.#index(defined(operand.axes[0], 'axis'));
    const [name, d, o, r, p] = ['x', 'd', 'o', 'r', 'p'].map((letter) => `${letter}${operand.id}`) as [
      string,
      string,
      string,
      string,
      string,
    ];
    const tile = this.#bind(tileOf(this.#at, operand));
    const truth = operand.dtype === 'bool' ? ' !== 0' : '';
    this.#names.set(operand, name);
    if (operand.axes.length === 0) {
      this.#head.push(`const ${name} = ${tile}.data[${tile}.offset]${truth};`);
      return name;
    }
    this.#head.push(`const ${d} = ${tile}.data, ${o} = ${tile}.offset, ${r} = ${tile}.stride0;`);
    if (operand.axes.length === 1 && this.#index(defined(operand.axes[0], 'axis')) === 'i') {
      this.#row.push(`const ${name} = ${d}[(${o} + i * ${r}) | 0]${truth};`);
      return name;
    }
    if (operand.axes.length === 1) this.#head.push(`const ${p} = ${o};`);
    else this.#row.push(`const ${p} = (${o} + i * ${r}) | 0;`);
    this.#body.push(`const ${name} = ${d}[(${p} + j) | 0]${truth};`);
    return name;
  }
}

/** Values over the same axes that wait to be computed together, in order, and reductions of them. */
export class Group {
  readonly axes: readonly Axis[];
  readonly #members = new Set<ElementValue | ReduceValue>();

  constructor(axes: readonly Axis[]) {
    this.axes = axes;
  }

  add(value: ElementValue | ReduceValue): void {
    this.#members.add(value);
  }

  has(value: Value): boolean {
    return (this.#members as ReadonlySet<Value>).has(value);
  }

  /** The step that computes all members; tiles are made for those that others read. */
  step(at: Preparation): Step {
    const text = new GroupText(at, this.axes);
    for (const value of this.#members) {
      const consumers = at.analysis.consumersOf(value);
      if (value.op === 'reduce') text.reduce(value);
      else text.add(value, consumers === 'statements' || consumers.some((other) => !this.has(other)));
    }
    return text.finish();
  }
}
