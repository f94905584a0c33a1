import { checkArguments } from '../base/arguments.ts';
import { printShape } from '../base/dim.ts';
import type { SourcePlace } from '../base/errors.ts';
import { printPlace } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import type { Attribute, Attributes, GraphLike, Node, TensorType } from './graph.ts';
import { graphKind, irOf } from './graph.ts';
import { nodeOf } from './names.ts';
import { topologicalOrder } from './order.ts';

const printOptions = {
  /** lists of numbers longer than this are cut short; the text then no longer parses back. Default: never */
  longestList: is.omittable(is.natural),
};
export type PrintOptions = is.OptionsOf<typeof printOptions>;

/** Comments start here where lines are short enough. */
const COMMENT_COLUMN = 72;

export const printType = ({ dtype, shape }: TensorType): string => `${dtype}${printShape(shape)}`;

/**
 * The text form of a graph: a header with its inputs, one line per node in topological order, outputs and effects.
 * `parseGraph` gives the same value back.
 *
 *     graph tagger(tokens: i32[batch, time]) {
 *       %tokens = input() {name: "tokens"} : i32[batch, time]
 *       %x = gather(%embedding, %tokens) : f32[batch, time, 128]             // embed · examples/tagger.ts:4
 *       output scores = %x
 *     }
 *
 * @throws FROND-I003 when the graph has a cycle, FROND-I001 when an operand does not exist.
 */
export function printGraph(given: GraphLike, options: PrintOptions = {}): string {
  checkArguments('printGraph', { graph: graphKind, options: printOptions }, [given, options]);
  const graph = irOf(given);
  const inputs = graph.inputs.map((id) => {
    const types = nodeOf(graph, id).types.map(printType);
    return `${id}: ${types.join(', ')}`;
  });
  return [
    `graph ${graph.name}(${inputs.join(', ')}) {`,
    ...topologicalOrder(graph).map((node) => `  ${printNode(node, options)}`),
    ...Object.entries(graph.outputs).map(([name, ref]) => `  output ${name} = %${ref}`),
    ...graph.effects.map((id) => `  effect %${id}`),
    '}',
    '',
  ].join('\n');
}

/** The line of one node. */
export function printNode(node: Node, options: PrintOptions = {}): string {
  const { id, op, inputs, attributes, types, phase } = node;
  const operands = inputs.map((input) => `%${input}`).join(', ');
  const results = types.length === 0 ? '()' : types.map(printType).join(', ');
  const statement = [
    `%${id} = ${op}(${operands})`,
    ...(Object.keys(attributes).length > 0 ? [printAttributes(attributes, options)] : []),
    `: ${results}`,
    ...(phase === 'forward' ? [] : [`@${phase}`]),
  ].join(' ');
  const comment = printComment(node);
  return comment === '' ? statement : `${statement.padEnd(COMMENT_COLUMN)}  ${comment}`;
}

function printComment({ scope, source }: Node): string {
  if (scope === '' && source === undefined) return '';
  if (source === undefined) return `// ${scope}`;
  return `// ${scope === '' ? '' : `${scope} `}· ${printSource(source)}`;
}

/** A file whose name could be misread (`odd:12`, control characters) is quoted. */
function printSource(source: SourcePlace): string {
  const plain = /^[^\s"\p{Cc}][^\p{Cc}]*$/u.test(source.file) && !/:\d+$|\s$/.test(source.file);
  return printPlace(plain ? source : { ...source, file: JSON.stringify(source.file) });
}

const isIdentifier = (text: string): boolean => /^[A-Za-z_]\w*$/.test(text);

/** What a node computes of operands of such types, whichever they are: nodes of equal kinds compute the same. */
export const printComputation = ({ op, attributes, types }: Node, operands: readonly TensorType[]): string =>
  `${op}(${operands.map(printType).join()})${printAttributes(attributes)}: ${types.map(printType).join()}`;

function printAttributes(attributes: Attributes, options: PrintOptions = {}): string {
  const fields = Object.entries(attributes).map(
    ([key, value]) => `${isIdentifier(key) ? key : JSON.stringify(key)}: ${printAttribute(value, options)}`,
  );
  return `{${fields.join(', ')}}`;
}

export function printAttribute(value: Attribute, options: PrintOptions = {}): string {
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
  if (typeof value === 'string') return JSON.stringify(value);
  if (Array.isArray(value)) {
    const limit = options.longestList ?? Number.POSITIVE_INFINITY;
    const shown = value.slice(0, limit).map((item) => printAttribute(item, options));
    if (value.length > limit) shown.push(`… ${value.length - limit} more`);
    return `[${shown.join(', ')}]`;
  }
  if (typeof value === 'object' && value !== null) return printAttributes(value as Attributes, options);
  return String(value);
}
