import { checkArguments } from '../base/arguments.ts';
import { defined } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { type ByOp, byOp, operandsOf } from './flow.ts';
import type { Kernel, Region, Span, Statement, Store, Term, Value } from './ir.ts';
import { kernelKind } from './kinds.ts';

const printOptions = {
  /** ends each line with the author's `file:line` */
  sources: is.omittable(is.flag),
};
export type PrintOptions = is.OptionsOf<typeof printOptions>;

/**
 * The readable text of a kernel: declarations, then one statement per line with the type and axes of what it makes.
 * Values are `%id` with the ids of the checker's messages; constants, parameters and grid indices stand where they
 * are used. The body of a loop or `when` is indented.
 */
export function printKernel(kernel: Kernel, options: PrintOptions = {}): string {
  checkArguments('printKernel', { kernel: kernelKind, options: printOptions }, [kernel, options]);
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
      const expression = byOp(EXPRESSIONS, value);
      if (expression === undefined) return [];
      return [line(`%${value.id} = ${expression} : ${printType(value)}`, value)];
    }
    case 'store': {
      const { buffer, terms, value } = statement;
      return [line(`store ${buffer.name}[${printTerms(terms)}] = ${printOperand(value)}`, statement)];
    }
    case 'loop': {
      const { from, to, step, induction, initial, carried, yields, body } = statement;
      const bounds = `${printOperand(from)} to ${printOperand(to)} step ${printOperand(step)}`;
      const state = carried.map(
        (value, i) =>
          `%${value.id} = ${printOperand(defined(initial[i], 'initial value'))} : ${printType(value)}`,
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

/** Values without a line of their own, written out where they are used. */
const INLINE: Partial<ByOp<string>> = {
  constant: (value) => printNumber(value.value, value),
  parameter: ({ name }) => name,
  program: ({ dimension }) => `program(${dimension})`,
  induction: ({ id }) => `%${id}`,
  carried: ({ id }) => `%${id}`,
};

const printOperand = (value: Value): string => byOp(INLINE, value) ?? `%${value.id}`;

/** The right-hand sides of the others. */
const EXPRESSIONS: Partial<ByOp<string>> = {
  arange: ({ axes: [axis] }) => `arange ${axis?.name}`,
  inside: ({ span }) => `inside ${printSpan(span)}`,
  fill: (value) => `fill ${printNumber(value.value, value)}`,
  elementwise: ({ fn, args }) => `${fn}(${args.map(printOperand).join(', ')})`,
  cast: ({ arg }) => `cast ${printOperand(arg)}`,
  load: (value) => {
    const isMasked = value.terms.some(({ index }) => index.kind === 'span');
    const otherwise = isMasked ? ` else ${printNumber(value.otherwise, value)}` : '';
    return `load ${value.buffer.name}[${printTerms(value.terms)}]${otherwise}`;
  },
  reduce: ({ combine, arg, over }) =>
    `reduce ${combine} ${printOperand(arg)} over ${over.map(({ name }) => name).join(', ')}`,
  dot: ({ left, right, over, accumulator }) =>
    `dot ${printOperand(left)} · ${printOperand(right)} over ${over.name}${accumulator ? ` + ${printOperand(accumulator)}` : ''}`,
  rename: ({ arg, from, to }) => `rename ${printOperand(arg)} from ${from.name} to ${to.name}`,
  random: (value) => {
    const [key0, key1, counter0, counter1] = operandsOf(value).map(printOperand);
    return `random word ${value.word} key (${key0}, ${key1}) counter (${counter0}, ${counter1})`;
  },
  result: ({ index, loop }) => `result ${index} of loop %${loop.induction.id}`,
};

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
