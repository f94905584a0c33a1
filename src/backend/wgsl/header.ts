import { elementwise } from '../../kernel/elementwise.ts';
import { type ByOp, byOp, spansOf } from '../../kernel/flow.ts';
import type { Buffer, Span, Term, Value } from '../../kernel/ir.ts';
import { bindingOf, layoutOf, type Printer, typeOf } from './printer.ts';

/** Comments at the top of a text: what the kernel computes, how buffers are addressed in its own terms, and the schedule. */

const termsAt = (depth: number): Partial<ByOp<string>> => ({
  constant: ({ value }) => `${value}`,
  fill: ({ value }) => `${value}`,
  parameter: ({ name }) => name,
  program: ({ dimension }) => `program_${dimension}`,
  arange: ({ axes }) => axes[0]?.name ?? '…',
  cast: ({ arg }) => termText(arg, depth),
  load: ({ buffer, terms }) => (depth > 2 ? '…' : `${buffer.name}[${addressText(terms, depth + 1)}]`),
  elementwise({ fn, args }) {
    const { sign } = elementwise[fn];
    if (depth > 2 || args.length !== 2) return '…';
    const [x, y] = args.map((arg) => termText(arg, depth + 1));
    if (sign === undefined) return `${fn}(${x}, ${y})`;
    return depth > 0 ? `(${x} ${sign} ${y})` : `${x} ${sign} ${y}`;
  },
});

/** An index or stride in the kernel's terms; `…` where it is more than a short expression. */
const termText = (value: Value, depth = 0): string => value.label ?? byOp(termsAt(depth), value) ?? '…';

const indexText = (index: Span | Value, depth: number): string =>
  index.kind === 'span' ? index.axis.name : termText(index, depth);

function addressText(terms: readonly Term[], depth = 0): string {
  const parts = terms.flatMap(({ index, stride }) => {
    const [at, by] = [indexText(index, depth + 1), termText(stride, depth + 1)];
    return at === '0' || by === '0' ? [] : [by === '1' ? at : `${at} * ${by}`];
  });
  return parts.join(' + ') || '0';
}

/** Up to where the axes of an address go. */
const limitsText = (terms: readonly Term[]): string =>
  spansOf(terms)
    .map(({ axis, limit }) => `, ${axis.name} < ${termText(limit)}`)
    .join('');

function bufferLine(p: Printer, buffer: Buffer): string {
  const first = p.analysis.accesses.find((access) => access.buffer === buffer);
  const type = typeOf(buffer.dtype, bindingOf(p, buffer).lanes);
  const where = first ? `[${addressText(first.terms)}]${limitsText(first.terms)}` : ': unused';
  return `//   ${buffer.access} ${buffer.name}${where} (${type})`;
}

export function headerText(p: Printer): string {
  const { kernel, threads } = p;
  const variant = kernel.variant === '' ? '' : ` [${kernel.variant}]`;
  const tiles = kernel.axes.map((axis) => `${axis.name} ${axis.size}`).join(', ') || 'none';
  const spread = new Set([...p.analysis.placement.spread].flatMap(({ axes }) => axes));
  const owned = kernel.axes
    .filter((axis) => spread.has(axis) && layoutOf(p, axis).owned > 1)
    .map((axis) => `${axis.name} ${layoutOf(p, axis).owned}`);
  const each = owned.length === 0 ? '' : `, each with up to ${owned.join(', ')} elements of a tile`;
  const isStaged = p.memory.arrays.some(({ name }) => name.startsWith('left_tile'));
  return [
    `// ${kernel.name}${variant}: ${kernel.doc}`,
    `// tiles: ${tiles}${isStaged ? `; stage: ${p.stage}` : ''}; workgroup: ${threads.x} × ${threads.y} threads${each}`,
    ...kernel.buffers.map((buffer) => bufferLine(p, buffer)),
  ].join('\n');
}
