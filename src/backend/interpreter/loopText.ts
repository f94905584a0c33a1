/**
 * A fused loop as a JavaScript function: what only the loop itself uses stays in local variables and never touches memory. Names of
 * the kernel's text come in as parameters of the same names: t tiles, s scalars, b buffers, e extents. Own names: x values of
 * elements, c common parts, a totals of reductions; i is the row, j the column.
 */
import type { Axis, Store, Term, Value, ValueOf } from '../../kernel/ir.ts';
import * as js from './expressions.ts';
import { type FusedLoop, isDirect } from './fusedLoops.ts';
import type { KernelNames } from './names.ts';

/** Where a statement stands: once per run, once per row, once per element. */
type Level = 0 | 1 | 2;

export class LoopText {
  readonly #kernel: KernelNames;
  readonly #axes: readonly Axis[];
  readonly #parameters = new Map<string, string>();
  readonly #before: readonly string[][] = [[], [], []];
  readonly #rowEnd: string[] = [];
  readonly #end: string[] = [];
  /** conditions under which no span cuts the tile */
  readonly interior = new Set<string>();
  readonly #isInterior: boolean;
  readonly #values = new Map<Value, string>();
  readonly #common = new Map<string, string>();
  readonly #scope: js.ExpressionScope = {
    read: (value) => this.#read(value),
    push: (...lines) => this.#push(2, ...lines),
    pairs: new Map(),
  };

  /**
   * `isKept`: whether anything but the loop reads a value. `isInterior`: the text is for runs in which all elements lie inside
   * their spans, which is so where `interior` holds.
   */
  constructor(
    kernel: KernelNames,
    { axes, members }: FusedLoop,
    isKept: (value: Value) => boolean,
    isInterior: boolean,
  ) {
    this.#kernel = kernel;
    this.#isInterior = isInterior;
    this.#axes = axes;
    for (const member of members) {
      if (member.kind === 'store') this.#store(member);
      else if (member.op === 'reduce') this.#reduce(member);
      else this.#compute(member, isKept(member));
    }
  }

  /** The function called `name`, and its call. */
  print(name: string): { readonly text: string; readonly call: string } {
    const [head = [], row = [], body = []] = this.#before;
    const [first, second] = this.#axes;
    const turn = 'j = (j + 1) | 0';
    const upTo = (end: string, lines: readonly string[]) => [`for (; j < ${end}; ${turn}) {`, ...lines, '}'];
    const size = this.#extent(second ?? first);
    // where a body is short, the loop around it takes as long
    const four = [1, 2, 3, 4].flatMap((n) => ['{', ...body, n < 4 ? `} ${turn};` : '}']);
    const unrolled = body.length > 2 ? [] : upTo(`${size} - 3`, four);
    const inner = ['let j = 0;', ...unrolled, ...upTo(size, body), ...this.#rowEnd];
    const outer = `for (let i = 0; i < ${this.#extent(first)}; i = (i + 1) | 0) {`;
    const loops = second ? [outer, ...row, ...inner, '}'] : inner;
    const header = `function ${name}(${[...this.#parameters.keys()].join(', ')}) {`;
    return {
      call: `${name}(${[...this.#parameters.values()].join(', ')});`,
      text: [header, ...head, ...loops, ...this.#end, '}'].join('\n'),
    };
  }

  #push(level: Level, ...lines: readonly string[]): void {
    this.#before[level]?.push(...lines);
  }

  /** A name of the kernel's text, or one for what stands there. */
  #use(name: string, outside = name): string {
    if (/^[a-z]\d/.test(name)) this.#parameters.set(name, outside);
    return name;
  }

  /** A name for what `text` computes; equal texts of one level have one. */
  #name(level: Level, text: string): string {
    if (/^\w+$/.test(text)) return text;
    const key = `${level} ${text}`;
    const known = this.#common.get(key) ?? `c${this.#common.size}`;
    if (!this.#common.has(key)) this.#push(level, `const ${known} = ${text};`);
    this.#common.set(key, known);
    return known;
  }

  #extent(axis: Axis | undefined): string {
    if (!axis) return '1';
    const extent = this.#kernel.extent(axis);
    return extent === `${axis.size}` ? extent : this.#use(`e${axis.order}`, extent);
  }

  #isRow(axis: Axis | undefined): boolean {
    return this.#axes.length === 2 && this.#axes[0] === axis;
  }

  #index(axis: Axis | undefined): string {
    return this.#isRow(axis) ? 'i' : 'j';
  }

  #levelOf({ axes }: Value): Level {
    return axes.every((axis) => this.#isRow(axis)) ? 1 : 2;
  }

  #scalar(value: Value): string {
    return this.#use(this.#kernel.scalar(value));
  }

  /** The place of an element in a dense tile over `axes`. */
  #place(axes: readonly Axis[]): string {
    const [first, second] = axes;
    return second ? `(${this.#name(1, `i * ${second.size}`)} + j) | 0` : this.#index(first);
  }

  #read(value: Value): string {
    const known = this.#values.get(value);
    if (known) return known;
    if (value.axes.length === 0 || value.op === 'fill') return this.#scalar(value);
    const level = this.#levelOf(value);
    if (value.op === 'arange') return this.#index(value.axes[0]);
    if (value.op === 'inside') {
      const { axis, start, limit } = value.span;
      return this.#name(level, `${this.#scalar(start)} + ${this.#index(axis)} < ${this.#scalar(limit)}`);
    }
    if (isDirect(value)) return this.#name(level, this.#load(value));
    const tile = this.#use(this.#kernel.tile(value));
    return this.#name(level, `${tile}[${this.#place(value.axes)}]${value.dtype === 'bool' ? ' !== 0' : ''}`);
  }

  /** The address of the element at hand and, where there is one, the condition under which spans let it count. */
  #address(terms: readonly Term[]): { readonly place: string; readonly condition?: string | undefined } {
    const { base, along, indexTiles } = js.addressOf(terms, this.#axes, (value) => this.#scalar(value));
    const [column, row] = along.toReversed();
    const added = (level: Level): string[] =>
      indexTiles
        .filter(({ tile }) => this.#levelOf(tile) === level)
        .map(({ tile, stride }) => js.product(this.#read(tile), stride));
    const first = this.#name(0, /^\w+$/.test(base) ? base : `(${base}) | 0`);
    const start = row
      ? this.#name(1, `(${js.sum([first, js.product('i', row.stride), ...added(1)])}) | 0`)
      : first;
    const stride = column?.stride ?? '0';
    const step = stride === '0' || stride === '1' ? js.product('j', stride) : `Math.imul(j, ${stride})`;
    const place = js.sum([start, step, ...added(2)]);
    if (this.#isInterior) {
      for (const { axis, limit } of along) {
        if (limit !== undefined) this.interior.add(`${limit} >= ${this.#kernel.extent(axis)}`);
      }
      return { place };
    }
    const isInRow = row?.limit === undefined ? undefined : `i < ${this.#name(0, row.limit)}`;
    if (column?.limit === undefined) return { place, condition: isInRow };
    const width = this.#name(0, column.limit);
    return { place, condition: `j < ${isInRow ? this.#name(1, `${isInRow} ? ${width} : 0`) : width}` };
  }

  #load({ buffer, terms, otherwise, dtype }: ValueOf<'load'>): string {
    const { place, condition } = this.#address(terms);
    const element = `${this.#use(this.#kernel.buffer(buffer))}[(${place}) | 0]`;
    const other = js.literal(otherwise, dtype, this.#kernel.precision);
    return condition ? `${condition} ? ${element} : ${other}` : element;
  }

  /** A value of the loop's own axes; where others read it too, its elements are kept in a tile. */
  #compute(value: Value, isKept: boolean): void {
    const name = `x${value.id}`;
    const computed = js.expressionOf(value, this.#kernel.precisionOf(value), this.#scope);
    const text = value.op === 'load' ? this.#load(value) : (computed ?? this.#read(value));
    this.#push(2, `const ${name} = ${text};`);
    this.#values.set(value, name);
    if (!isKept) return;
    const element = `${this.#use(this.#kernel.keep(value))}[${this.#place(this.#axes)}]`;
    this.#push(2, `${element} = ${value.dtype === 'bool' ? `${name} ? 1 : 0` : name};`);
  }

  #store({ buffer, terms, value }: Store): void {
    const element = this.#read(value);
    const { place, condition } = this.#address(terms);
    this.#use(this.#kernel.buffer(buffer));
    const text = this.#kernel.stored(buffer, `(${place}) | 0`, element);
    this.#push(2, condition ? `if (${condition}) ${text}` : text);
  }

  /** A sum, maximum or place of the maximum of a value of the loop, in doubles and in the definition's order. */
  #reduce(value: ValueOf<'reduce'>): void {
    const { id, over, combine, arg } = value;
    const start = combine === 'sum' ? '0' : '-Infinity';
    const x = this.#read(arg);
    const byRow = this.#axes.length === 2 && over.length === 1;
    if (byRow && this.#isRow(over[0])) {
      const tile = this.#use(this.#kernel.keep(value));
      const size = value.axes[0]?.size;
      const totals = this.#use(this.#kernel.declare(`d${id}`, `new Float64Array(${size})`));
      this.#push(0, `${totals}.fill(${start});`, ...(combine === 'argmax' ? [`${tile}.fill(0);`] : []));
      this.#push(2, this.#combined(value, `${totals}[j]`, x, `${tile}[j]`, 'i'));
      if (combine !== 'argmax') this.#end.push(`${tile}.set(${totals});`);
      return;
    }
    const [total, place] = [`a${id}`, `k${id}`];
    this.#push(byRow ? 1 : 0, `let ${total} = ${start}, ${place} = 0;`);
    this.#push(2, this.#combined(value, total, x, place, 'j'));
    const columns = this.#axes.at(-1);
    if (combine === 'sum' && columns && this.#extent(columns) !== `${columns.size}`) {
      // what lies past the extent equals the last element before it
      this.#push(this.#axes.length === 2 ? 1 : 0, `let l${id} = 0;`);
      this.#push(2, `l${id} = ${x};`);
      const rest = `for (let r = ${this.#extent(columns)}; r < ${columns.size}; r++) ${total} += l${id};`;
      this.#rowEnd.push(`if (l${id} !== 0) ${rest}`);
    }
    const result = combine === 'argmax' ? place : total;
    if (byRow) this.#rowEnd.push(`${this.#use(this.#kernel.keep(value))}[i] = ${result};`);
    else {
      const text = js.rounded(result, value.dtype, this.#kernel.precision);
      this.#end.push(`${this.#kernel.scalar(value)} = ${text};`);
    }
  }

  #combined({ combine }: ValueOf<'reduce'>, total: string, x: string, place: string, index: string): string {
    if (combine === 'sum') return `${total} += ${x};`;
    if (combine === 'max') return `${total} = Math.max(${total}, ${x});`;
    // NaN is larger than all numbers
    const isLarger = `${x} > ${total} || (${x} !== ${x} && ${total} === ${total})`;
    return `if (${isLarger}) { ${total} = ${x}; ${place} = ${index}; }`;
  }
}
