/**
 * A kernel as one text of JavaScript: a function for each fused loop, one for a program, and one for a launch. Tiles are
 * typed arrays that are allocated once, uniform scalars are variables.
 */
import type { Precision } from '../../base/dtype.ts';
import { defined } from '../../base/errors.ts';
import { type Flow, flowOf, operandsOf, type User } from '../../kernel/flow.ts';
import type { Axis, Kernel, Loop, Region, Store, Value, ValueOf } from '../../kernel/ir.ts';
import { carriedOf } from './definition.ts';
import { addressOf, expressionOf, rounded } from './expressions.ts';
import { extentRules } from './extents.ts';
import { type FusedLoop, isDirect, isVirtual, OpenLoops } from './fusedLoops.ts';
import { LoopText } from './loopText.ts';
import { KernelNames } from './names.ts';

export class KernelText extends KernelNames {
  /** loops that may turn out to be endless, by their number in the text */
  readonly loops: Loop[] = [];
  readonly #flow: Flow;
  readonly #functions: string[] = [];
  /** the statements of the region at hand, and its loops that wait */
  #lines: string[] = [];
  #open = new OpenLoops((loop) => this.#fused(loop));

  constructor(kernel: Kernel, precision: Precision) {
    const flow = flowOf(kernel);
    super(kernel, precision, extentRules(kernel, flow));
    this.#flow = flow;
  }

  /** The body of a function that gives the launch, a function of grid, scalars and buffers. */
  print(): string {
    const { buffers, parameters, body } = this.kernel;
    const program = this.#region(body);
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
      ...[...this.declared].map(([name, value]) => `let ${name} = ${value};`),
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
  #region(region: Region, end?: () => void): string[] {
    const outer = this.#lines;
    const lines: string[] = [];
    this.#lines = lines;
    for (const statement of region.statements) {
      if (statement.kind === 'let') {
        if (this.#flow.live.has(statement.value)) this.#value(statement.value);
      } else if (statement.kind === 'store') {
        if (statement.value.axes.length > 0) this.#open.take(statement);
        else this.#scalarStore(statement);
      } else {
        this.#open.flush();
        if (statement.kind === 'loop') this.#loop(statement);
        else {
          const body = this.#region(statement.body);
          lines.push(`if (${this.scalar(statement.condition)}) {`, ...body, '}');
        }
      }
    }
    this.#open.flush();
    end?.();
    this.#lines = outer;
    return lines;
  }

  /** Calls a fused loop, which keeps what anything but itself reads, or `all`. */
  #fused(loop: FusedLoop, all = false): void {
    const isReader = (user: User): boolean =>
      user.kind === 'loop' || user.kind === 'when' || !loop.members.has(user);
    const isKept = (value: Value): boolean => all || (this.#flow.users.get(value) ?? []).some(isReader);
    const inside = new LoopText(this, loop, isKept, true);
    const call = this.#function(inside);
    const conditions = [...inside.interior].join(' && ');
    const edge = conditions && this.#function(new LoopText(this, loop, isKept, false));
    this.#lines.push(conditions ? `if (${conditions}) ${call} else ${edge}` : call);
  }

  #function(loop: LoopText): string {
    const { text, call } = loop.print(`loop${this.#functions.length}`);
    this.#functions.push(text);
    return call;
  }

  #value(value: Value): void {
    if (value.op === 'dot') {
      this.#open.need(operandsOf(value));
      this.#dot(value);
    } else if (value.op === 'rename') {
      this.#open.need([value.arg]);
      this.keep(value, this.#tileHere(value.arg));
    } else if (value.op === 'reduce' || (value.axes.length > 0 && !isVirtual(value) && !isOfLoop(value))) {
      this.#open.take(value);
    } else if (value.axes.length === 0) {
      this.#open.order(value);
      this.#open.need(operandsOf(value));
      const text = this.#scalarText(value);
      if (text !== undefined) this.#lines.push(`${this.scalar(value)} = ${text};`);
    }
  }

  /** What computes a scalar where it stands; nothing where it is a literal, or loops and launches set it. */
  #scalarText(value: Value): string | undefined {
    if (value.op === 'load') return `${this.buffer(value.buffer)}[${this.#scalarAddress(value)}]`;
    return expressionOf(value, this.precisionOf(value), {
      read: (operand) => this.scalar(operand),
      push: (...lines) => this.#lines.push(...lines),
      pairs: new Map(),
    });
  }

  #scalarAddress({ terms }: ValueOf<'load'> | Store): string {
    return addressOf(terms, [], (value) => this.scalar(value)).base;
  }

  #scalarStore(store: Store): void {
    const { buffer, value } = store;
    this.#open.order(store);
    this.#open.need(operandsOf(store));
    this.#lines.push(this.stored(buffer, this.#scalarAddress(store), this.scalar(value)));
  }

  /** The tile of a value; one that loops find out anew is filled here. */
  #tileHere(value: Value): string {
    if (value.op === 'fill') {
      const name = this.allocate(value);
      this.#lines.push(`${name}.fill(${this.scalar(value)});`);
      return name;
    }
    if (isVirtual(value)) this.#fused({ axes: value.axes, members: new Set([value]) }, true);
    return this.tile(value);
  }

  #loop(loop: Loop): void {
    const [from, to, step] = [loop.from, loop.to, loop.step].map((bound) => this.scalar(bound));
    const number = this.loops.push(loop) - 1;
    loop.carried.forEach((carried, i) => {
      const initial = defined(loop.initial[i], 'initial value');
      if (carried.axes.length > 0) this.#copy(initial, this.keep(carried));
      else this.#lines.push(`${this.scalar(carried)} = ${this.#handed(initial, carried)};`);
    });
    const body = this.#region(loop.body, () => this.#advance(loop));
    this.#lines.push(
      `for (let i = ${from}; i < ${to}; i += ${step}) {`,
      `${this.scalar(loop.induction)} = i;`,
      ...body,
      `if (${step} <= 0) throw endlessLoop(loops[${number}], ${step});`,
      '}',
    );
  }

  #copy(value: Value, to: string): void {
    const call = value.op === 'fill' ? `fill(${this.scalar(value)})` : `set(${this.#tileHere(value)})`;
    this.#lines.push(`${to}.${call};`);
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
  #advance(loop: Loop): void {
    const exchanges: string[] = [];
    const taken = new Set<string>();
    loop.yields.forEach((value, i) => {
      const carried = carriedOf(loop, i);
      if (value.axes.length === 0) {
        this.#lines.push(`const n${i} = ${this.#handed(value, carried)};`);
        exchanges.push(`${this.scalar(carried)} = n${i};`);
        return;
      }
      const to = this.tile(carried);
      const isOwn = this.sums.has(value) === this.sums.has(carried) && this.#isComputedIn(loop.body, value);
      let from = isOwn ? this.tile(value) : undefined;
      if (from === undefined || taken.has(from)) {
        if (!isVirtual(value) && this.tile(value) === to) return;
        from = this.allocate(value, this.precisionOf(carried));
        this.#copy(value, from);
      }
      taken.add(from);
      exchanges.push(`const n${i} = ${from};`, `${from} = ${to};`, `${to} = n${i};`);
    });
    this.#lines.push(...exchanges);
  }

  /** Whether each run of `region` writes the whole of the value's own tile. */
  #isComputedIn(region: Region, value: Value): boolean {
    if (value.op === 'rename') return this.#isComputedIn(region, value.arg);
    return value.region === region && !isVirtual(value) && !isOfLoop(value);
  }

  #dot(value: ValueOf<'dot'>): void {
    const { left, right, over, row, column, accumulator } = value;
    const factors = `${this.#factor(left, row, over)}, ${this.#factor(right, column, over)}`;
    const dense = (data: string): string => `{ data: ${data}, row: ${column.size}, column: 1 }`;
    const number = accumulator?.op === 'fill' ? this.scalar(accumulator) : '0';
    const initial =
      accumulator && accumulator.op !== 'fill'
        ? dense(this.#tileHere(accumulator))
        : `{ data: ${this.declare(`z${value.id}`, `new Float64Array([${number}])`)}, row: 0, column: 0 }`;
    const extents = `${this.extent(row)}, ${this.extent(column)}`;
    this.#lines.push(`multiply(${factors}, ${extents}, ${dense(this.keep(value))}, ${initial});`);
  }

  /** An operand of a product: where its elements stand, and how many lie inside spans. */
  #factor(value: Value, free: Axis, over: Axis): string {
    if (isDirect(value) && value.otherwise === 0) {
      const { base, along } = addressOf(value.terms, [free, over], (scalar) => this.scalar(scalar));
      const [own, depth] = along;
      const inside = (size: number, limit = `${size}`): string => `Math.min(${size}, ${limit})`;
      const counts = `count: ${inside(free.size, own?.limit)}, length: ${inside(over.size, depth?.limit)}`;
      const strides = `free: ${own?.stride}, depth: ${depth?.stride}`;
      return `{ data: ${this.buffer(value.buffer)}, offset: ${base}, ${strides}, ${counts}, isStable: true }`;
    }
    const tile = this.#tileHere(value);
    const strides = value.axes[0] === free ? `free: ${over.size}, depth: 1` : `free: 1, depth: ${free.size}`;
    return `{ data: ${tile}, offset: 0, ${strides}, count: ${free.size}, length: ${over.size}, isStable: false }`;
  }
}

/** Values that loops and programs set themselves. */
const isOfLoop = ({ op }: Value): boolean => op === 'carried' || op === 'result' || op === 'induction';
