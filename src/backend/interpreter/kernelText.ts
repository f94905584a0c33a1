/**
 * A kernel as one text of JavaScript: a function for each fused loop, one for a program, and one for a launch. Tiles are
 * typed arrays that are allocated once, uniform scalars are variables.
 */
import type { Precision } from '../../base/dtype.ts';
import { defined } from '../../base/errors.ts';
import { type Flow, flowOf, operandsOf, termValues } from '../../kernel/flow.ts';
import type { Axis, Kernel, Loop, Region, Store, Value, ValueOf } from '../../kernel/ir.ts';
import { addressOf } from './address.ts';
import { expressionOf, rounded } from './expressions.ts';
import { extentRules } from './extents.ts';
import { type FusedLoop, isDirect, isVirtual, OpenLoops } from './fusedLoops.ts';
import { LoopText } from './loopText.ts';
import { carriedOf, KernelNames } from './names.ts';

/** A region in the making: its statements, and the loops that wait. */
interface Place {
  readonly lines: string[];
  readonly open: OpenLoops;
}

export class KernelText extends KernelNames {
  /** loops that may turn out to be endless, by their number in the text */
  readonly loops: Loop[] = [];
  readonly #flow: Flow;
  readonly #functions: string[] = [];

  constructor(kernel: Kernel, precision: Precision) {
    const flow = flowOf(kernel);
    super(kernel, precision, extentRules(kernel, flow));
    this.#flow = flow;
  }

  /** The body of a function that gives the launch, a function of grid, scalars and buffers. */
  print(): string {
    const { buffers, parameters, body } = this.kernel;
    const program = this.#region(body, () => []);
    const bound = [
      ...buffers.map((buffer) => `${this.buffer(buffer)} = buffers[${JSON.stringify(buffer.name)}];`),
      ...parameters.map((parameter) => {
        const given = `scalars[${JSON.stringify(parameter.name)}]`;
        return `${this.scalar(parameter)} = ${rounded(given, parameter.dtype, this.precision)};`;
      }),
    ];
    const grid = [3, 2, 1, 0].map((d) => `for (let p${d} = 0; p${d} < (grid[${d}] ?? 1); p${d}++)`);
    return [
      '"use strict";',
      ...this.declarations(),
      ...this.#functions,
      'function program(p0, p1, p2, p3) {',
      ...program,
      '}',
      'return (grid, scalars, buffers) => {',
      ...bound,
      ...grid,
      'program(p0, p1, p2, p3);',
      '};',
    ].join('\n');
  }

  /** The statements of a region, and those that `end` puts behind them. */
  #region(region: Region, end: (place: Place) => readonly string[]): string[] {
    const lines: string[] = [];
    const place = { lines, open: new OpenLoops((loop) => lines.push(this.#fused(loop))) };
    for (const statement of region.statements) {
      if (statement.kind === 'let') {
        if (this.#flow.live.has(statement.value)) this.#value(statement.value, place);
      } else if (statement.kind === 'store') {
        if (statement.value.axes.length > 0) place.open.take(statement);
        else this.#scalarStore(statement, place);
      } else {
        place.open.flush();
        if (statement.kind === 'loop') this.#loop(statement, place);
        else {
          const body = this.#region(statement.body, () => []);
          lines.push(`if (${this.scalar(statement.condition)}) {`, ...body, '}');
        }
      }
    }
    place.open.flush();
    lines.push(...end(place));
    return lines;
  }

  #fused(loop: FusedLoop, isKept = (value: Value) => this.#isReadOutside(value, loop)): string {
    const inside = new LoopText(this, loop, isKept, true);
    const call = this.#function(inside);
    if (inside.interior.size === 0) return call;
    const edge = this.#function(new LoopText(this, loop, isKept, false));
    return `if (${[...inside.interior].join(' && ')}) ${call} else ${edge}`;
  }

  #function(loop: LoopText): string {
    const { text, call } = loop.print(`loop${this.#functions.length}`);
    this.#functions.push(text);
    return call;
  }

  #isReadOutside(value: Value, { members }: FusedLoop): boolean {
    const users = this.#flow.users.get(value) ?? [];
    return users.some((user) => user.kind === 'loop' || user.kind === 'when' || !members.has(user));
  }

  #value(value: Value, { lines, open }: Place): void {
    if (value.op === 'dot') {
      open.need(operandsOf(value));
      lines.push(this.#dot(value, lines));
    } else if (value.op === 'rename') {
      open.need([value.arg]);
      this.keep(value, this.#tileHere(value.arg, lines));
    } else if (value.op === 'reduce' || (value.axes.length > 0 && !isVirtual(value) && !isOfLoop(value))) {
      open.take(value);
    } else if (value.axes.length === 0) {
      open.order(value);
      open.need(operandsOf(value));
      const text = this.#scalarText(value, lines);
      if (text !== undefined) lines.push(`${this.scalar(value)} = ${text};`);
    }
  }

  /** What computes a scalar where it stands; nothing where it is a literal, or loops and launches set it. */
  #scalarText(value: Value, lines: string[]): string | undefined {
    if (value.op === 'load') return `${this.buffer(value.buffer)}[${this.#scalarAddress(value)}]`;
    return expressionOf(value, {
      precision: this.precisionOf(value),
      read: (operand) => this.scalar(operand),
      push: (...more) => lines.push(...more),
      pairs: new Map(),
    });
  }

  #scalarAddress({ terms }: ValueOf<'load'> | Store): string {
    return addressOf(terms, [], (value) => this.scalar(value)).base;
  }

  #scalarStore(store: Store, { lines, open }: Place): void {
    const { buffer, value, terms } = store;
    open.order(store);
    open.need([value, ...termValues(terms)]);
    lines.push(this.stored(buffer, this.#scalarAddress(store), this.scalar(value)));
  }

  /** The tile of a value; one that loops find out anew is filled here. */
  #tileHere(value: Value, lines: string[]): string {
    if (!isVirtual(value)) return this.tile(value);
    if (value.op === 'fill') {
      const name = this.allocate(value);
      lines.push(`${name}.fill(${this.scalar(value)});`);
      return name;
    }
    lines.push(this.#fused({ axes: value.axes, members: new Set([value]) }, () => true));
    return this.tile(value);
  }

  #loop(loop: Loop, { lines }: Place): void {
    const counter = this.scalar(loop.induction);
    const [from, to, step] = [loop.from, loop.to, loop.step].map((bound) => this.scalar(bound));
    const number = this.loops.push(loop) - 1;
    loop.carried.forEach((carried, i) => {
      const initial = defined(loop.initial[i], 'initial value');
      if (carried.axes.length === 0)
        lines.push(`${this.scalar(carried)} = ${this.#handed(initial, carried)};`);
      else lines.push(this.#copy(initial, this.keep(carried), lines));
    });
    const body = this.#region(loop.body, (place) => this.#advance(loop, place.lines));
    lines.push(
      `for (let i = ${from}; i < ${to}; i += ${step}) {`,
      `${counter} = i;`,
      ...body,
      `if (${step} <= 0) throw endlessLoop(loops[${number}], ${step});`,
      '}',
    );
  }

  #copy(value: Value, to: string, lines: string[]): string {
    return value.op === 'fill'
      ? `${to}.fill(${this.scalar(value)});`
      : `${to}.set(${this.#tileHere(value, lines)});`;
  }

  /** A scalar that a loop carries on: a sum of another loop is rounded where this one does not add to it. */
  #handed(value: Value, carried: Value): string {
    const text = this.scalar(value);
    const isRounded = this.sums.has(value) && !this.sums.has(carried);
    return isRounded ? rounded(text, value.dtype, this.precision) : text;
  }

  /**
   * Makes the yielded values the carried ones, all at once. A tile that the body computes anew in each round, and
   * yields once, changes places with the carried one; any other value (one from outside, another carried value, a sum in
   * doubles) is copied aside first, since it may be read again or overwritten by these very exchanges.
   */
  #advance(loop: Loop, lines: string[]): string[] {
    const exchanges: string[] = [];
    const taken = new Set<string>();
    loop.yields.forEach((value, i) => {
      const carried = carriedOf(loop, i);
      if (value.axes.length === 0) {
        lines.push(`const n${i} = ${this.#handed(value, carried)};`);
        exchanges.push(`${this.scalar(carried)} = n${i};`);
        return;
      }
      const to = this.tile(carried);
      const isOwn = this.sums.has(value) === this.sums.has(carried) && this.#isComputedIn(loop.body, value);
      let from = isOwn ? this.tile(value) : undefined;
      if (from === undefined || taken.has(from)) {
        if (!isVirtual(value) && this.tile(value) === to) return;
        from = this.allocate(value, this.precisionOf(carried));
        lines.push(this.#copy(value, from, lines));
      }
      taken.add(from);
      exchanges.push(`const n${i} = ${from};`, `${from} = ${to};`, `${to} = n${i};`);
    });
    return exchanges;
  }

  /** Whether each run of `region` writes the whole of the value's own tile. */
  #isComputedIn(region: Region, value: Value): boolean {
    if (value.op === 'rename') return this.#isComputedIn(region, value.arg);
    return value.region === region && !isVirtual(value) && !isOfLoop(value);
  }

  #dot(value: ValueOf<'dot'>, lines: string[]): string {
    const { left, right, over, row, column, accumulator } = value;
    const factors = [this.#factor(left, row, over, lines), this.#factor(right, column, over, lines)];
    const number = accumulator?.op === 'fill' ? this.scalar(accumulator) : '0';
    const initial =
      accumulator && accumulator.op !== 'fill'
        ? `${this.#tileHere(accumulator, lines)}, ${column.size}, 1`
        : `${this.declare(`z${value.id}`, `new Float64Array([${number}])`)}, 0, 0`;
    const extents = `${this.extent(row)}, ${this.extent(column)}`;
    return `multiply(${factors.join(', ')}, ${extents}, ${this.keep(value)}, ${column.size}, ${initial});`;
  }

  /** An operand of a product: where its elements stand, and how many lie inside spans. */
  #factor(value: Value, free: Axis, over: Axis, lines: string[]): string {
    if (isDirect(value) && value.otherwise === 0) {
      const { base, along } = addressOf(value.terms, [free, over], (scalar) => this.scalar(scalar));
      const [own, depth] = along;
      const inside = (size: number, limit = `${size}`): string => `Math.min(${size}, ${limit})`;
      const counts = `count: ${inside(free.size, own?.limit)}, length: ${inside(over.size, depth?.limit)}`;
      const strides = `free: ${own?.stride}, depth: ${depth?.stride}`;
      return `{ data: ${this.buffer(value.buffer)}, offset: ${base}, ${strides}, ${counts}, isStable: true }`;
    }
    const tile = this.#tileHere(value, lines);
    const strides = value.axes[0] === free ? `free: ${over.size}, depth: 1` : `free: 1, depth: ${free.size}`;
    return `{ data: ${tile}, offset: 0, ${strides}, count: ${free.size}, length: ${over.size}, isStable: false }`;
  }
}

/** Values that loops and programs set themselves. */
const isOfLoop = ({ op }: Value): boolean => op === 'carried' || op === 'result' || op === 'induction';
