import { arrayTypeOf, type Precision } from '../../base/dtype.ts';
import { defined } from '../../base/errors.ts';
import type { Axis, Buffer, Kernel, Value } from '../../kernel/ir.ts';
import { carriedOf, carriedSums } from './definition.ts';
import { literal } from './expressions.ts';
import type { ExtentRule } from './extents.ts';

/** What the text of a kernel calls its parts, and what it declares for them. */
export class KernelNames {
  readonly kernel: Kernel;
  readonly precision: Precision;
  /** sums that loops carry */
  readonly sums: ReadonlySet<Value>;
  readonly #rules: readonly ExtentRule[];
  readonly #tiles = new Map<Value, string>();
  /** what the variables of the text begin with, by their names */
  readonly declared = new Map<string, string>();

  constructor(kernel: Kernel, precision: Precision, rules: readonly ExtentRule[]) {
    this.kernel = kernel;
    this.precision = precision;
    this.sums = carriedSums(kernel);
    this.#rules = rules;
  }

  declare(name: string, value: string): string {
    this.declared.set(name, value);
    return name;
  }

  precisionOf(value: Value): Precision {
    return this.sums.has(value) ? 'f64' : this.precision;
  }

  scalar(value: Value): string {
    if (value.op === 'constant' || value.op === 'fill')
      return literal(value.value, value.dtype, this.precision);
    if (value.op === 'program') return `p${value.dimension}`;
    if (value.op === 'result') return this.scalar(carriedOf(value.loop, value.index));
    return this.declare(`s${value.id}`, '0');
  }

  tile(value: Value): string {
    if (value.op === 'result') return this.tile(carriedOf(value.loop, value.index));
    return defined(this.#tiles.get(value), `tile of value %${value.id}`);
  }

  /** Lets `value` stand in a tile, a new one unless it is given. */
  keep(value: Value, tile = this.#tiles.get(value) ?? this.allocate(value, this.precisionOf(value))): string {
    this.#tiles.set(value, tile);
    return tile;
  }

  allocate({ axes, dtype }: Value, precision = this.precision): string {
    const size = axes.reduce((product, axis) => product * axis.size, 1);
    const { name } = dtype === 'bool' ? Uint8Array : arrayTypeOf(dtype, precision);
    return this.declare(`t${this.declared.size}`, `new ${name}(${size})`);
  }

  buffer(buffer: Buffer): string {
    return this.declare(`b${this.kernel.buffers.indexOf(buffer)}`, 'undefined');
  }

  /** How many elements along an axis count. */
  extent(axis: Axis): string {
    const rule = this.#rules.find((one) => one.axis === axis);
    if (!rule) return `${axis.size}`;
    const lengths = rule.spans.map(({ start, limit }) => `${this.scalar(limit)} - ${this.scalar(start)}`);
    return `Math.min(${axis.size}, Math.max(0, ${[...new Set(lengths)].join(', ')}) + ${rule.extra})`;
  }

  /** The statement that stores an element. */
  stored(buffer: Buffer, place: string, element: string): string {
    const isHalf = buffer.dtype === 'f16' && this.precision === 'f32';
    return `${this.buffer(buffer)}[${place}] = ${isHalf ? `roundHalf(${element})` : element};`;
  }
}
