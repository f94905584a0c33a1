import { checkArguments, checkOptions } from '../base/arguments.ts';
import * as is from '../base/kinds.ts';
import type { Kernel, Region, Span, Statement, Store, Term, Value } from './ir.ts';
import { kernelKind } from './kinds.ts';

export interface PrintOptions {
  /** ends each line with the author's `file:line` */
  readonly sources?: boolean | undefined;
}

/**
 * The readable text of a kernel: declarations, then one statement per line with the type and axes of what it makes.
 * Values are `%id` with the ids of the checker's messages; constants, parameters and grid indices stand where they
 * are used. The body of a loop or `when` is indented.
 */
export function printKernel(kernel: Kernel, options: PrintOptions = {}): string {
  checkArguments('printKernel', { kernel: kernelKind, options: is.unchecked }, [kernel, options]);
  checkOptions('printKernel', options, { sources: is.optional(is.flag) });
  const { name, variant, doc, gridRank, axes, parameters, buffers, body } = kernel;
  const title = variant ? `${name} "${variant}"` : name;
  const declarations = [
    `grid ${gridRank}`,
    ...buffers.map((buffer) => `${buffer.access} ${buffer.name}: ${buffer.dtype}[]`),
    ...parameters.map((parameter) => `parameter ${parameter.name}: ${parameter.dtype}`),
    ...axes.map((axis) => `axis ${axis.name}: ${axis.size}`),
  ];
  const lines = [
    `// ${doc}`,
    `kernel ${title} {`,
    ...declarations.map((line) => `  ${line}`),
    '',
    ...printRegion(body, '  ', options),
    '}',
  ];
  return `${lines.join('\n')}\n`;
}

/** Values that are written out where they are used and have no line of their own. */
const isInline = ({ op }: Value): boolean =>
  op === 'constant' || op === 'parameter' || op === 'program' || op === 'induction' || op === 'carried';

function printRegion(region: Region, indent: string, options: PrintOptions): string[] {
  return region.statements.flatMap((statement) => printStatement(statement, indent, options));
}

function printStatement(statement: Statement, indent: string, options: PrintOptions): string[] {
  // where it was written is asked for only where it is printed: reading a stack takes longer than the rest
  const line = (text: string, of?: Value | Store) =>
    `${indent}${text}${options.sources && of?.source ? `  // ${of.source}` : ''}`;
  switch (statement.kind) {
    case 'let': {
      const { value } = statement;
      if (isInline(value)) return [];
      return [line(`%${value.id} = ${printExpression(value)} : ${printType(value)}`, value)];
    }
    case 'store': {
      const { buffer, terms, value } = statement;
      return [line(`store ${buffer.name}[${printTerms(terms)}] = ${printOperand(value)}`, statement)];
    }
    case 'loop': {
      const { from, to, step, induction, initial, carried, yields, body } = statement;
      const bounds = `${printOperand(from)} to ${printOperand(to)} step ${printOperand(step)}`;
      const state = carried.map(
        (value, i) => `%${value.id} = ${printMaybe(initial[i])} : ${printType(value)}`,
      );
      const carrying = state.length > 0 ? ` carrying ${state.join(', ')}` : '';
      return [
        line(`loop %${induction.id} = ${bounds}${carrying} {`, induction),
        ...printRegion(body, `${indent}  `, options),
        ...(yields.length > 0 ? [line(`  yield ${yields.map(printOperand).join(', ')}`)] : []),
        line('}'),
      ];
    }
    case 'when':
      return [
        line(`when ${printOperand(statement.condition)} {`),
        ...printRegion(statement.body, `${indent}  `, options),
        line('}'),
      ];
  }
}

/** `f32[r, c]` for a tile, `f32` for a scalar. */
export const printType = ({ dtype, axes }: Value): string =>
  axes.length === 0 ? dtype : `${dtype}[${axes.map((axis) => axis.name).join(', ')}]`;

function printExpression(value: Value): string {
  switch (value.op) {
    case 'arange':
      return `arange ${value.axes[0]?.name ?? '?'}`;
    case 'inside':
      return `inside ${printSpan(value.span)}`;
    case 'fill':
      return `fill ${printNumber(value.value, value)}`;
    case 'elementwise':
      return `${value.fn}(${value.args.map(printOperand).join(', ')})`;
    case 'cast':
      return `cast ${printOperand(value.arg)}`;
    case 'load': {
      const masked = value.terms.some(({ index }) => index.kind === 'span');
      const otherwise = masked ? ` else ${printNumber(value.otherwise, value)}` : '';
      return `load ${value.buffer.name}[${printTerms(value.terms)}]${otherwise}`;
    }
    case 'reduce':
      return `reduce ${value.combine} ${printOperand(value.arg)} over ${value.over.map((axis) => axis.name).join(', ')}`;
    case 'dot': {
      const accumulator = value.accumulator ? ` + ${printOperand(value.accumulator)}` : '';
      return `dot ${printOperand(value.left)} · ${printOperand(value.right)} over ${value.over.name}${accumulator}`;
    }
    case 'rename':
      return `rename ${printOperand(value.arg)} from ${value.from.name} to ${value.to.name}`;
    case 'random': {
      const key = `(${printOperand(value.key0)}, ${printOperand(value.key1)})`;
      const counter = `(${printOperand(value.counter0)}, ${printOperand(value.counter1)})`;
      return `random word ${value.word} key ${key} counter ${counter}`;
    }
    case 'result':
      return `result ${value.index} of loop %${value.loop.induction.id}`;
    default:
      return printOperand(value);
  }
}

function printOperand(value: Value): string {
  if (value.op === 'constant') return printNumber(value.value, value);
  if (value.op === 'parameter') return value.name;
  if (value.op === 'program') return `program(${value.dimension})`;
  return `%${value.id}`;
}

const printMaybe = (value: Value | undefined): string => (value ? printOperand(value) : '?');

/** Index × stride, summed: `r(%5 .. rows) * columns + c(0 .. columns)`; a stride of 1 is left out. */
function printTerms(terms: readonly Term[]): string {
  const parts = terms.map(({ index, stride }) => {
    const position = index.kind === 'span' ? printSpan(index) : printOperand(index);
    const unit = stride.op === 'constant' && stride.value === 1;
    return unit ? position : `${position} * ${printOperand(stride)}`;
  });
  return parts.join(' + ');
}

const printSpan = ({ axis, start, limit }: Span): string =>
  `${axis.name}(${printOperand(start)} .. ${printOperand(limit)})`;

/** A literal that shows its type: 1.0, 1, 1u, true. */
function printNumber(number: number, { dtype }: Value): string {
  if (dtype === 'bool') return number === 0 ? 'false' : 'true';
  if (dtype === 'u32') return `${number}u`;
  if (dtype === 'i32') return `${number}`;
  return Number.isInteger(number) && Math.abs(number) < 1e21 ? `${number}.0` : `${number}`;
}
