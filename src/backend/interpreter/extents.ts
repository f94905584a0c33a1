/**
 * How much of a tile has to be computed. Tiles at the edge of a tensor are mostly padding: of a 32 × 32 block of
 * attention scores over 12 words, a seventh counts. For two kinds of axes the loops may stop early:
 *
 * - *independent*: nothing is reduced or contracted along the axis and all stores cut it by spans. Then elements past the
 *   longest span of a store reach nobody.
 * - *constant past its spans*: every value along the axis is made, in one region, from loads and masks cut by spans, from
 *   fills, and from functions of those. Then all elements past the longest span are equal to the first one there, so
 *   that one stands for them; a sum along a row adds it as often as the definition does. A contraction needs an operand
 *   that is zero there, since `dot` leaves such elements out.
 */
import { type Flow, operandsOf } from '../../kernel/flow.ts';
import type { Axis, Kernel, Region, Span, Store, Term, Value } from '../../kernel/ir.ts';
import { isVirtual } from './fusedLoops.ts';

/** The extent of an axis follows from `spans`: the longest counts, and `extra` elements more. */
export interface ExtentRule {
  readonly axis: Axis;
  readonly spans: readonly Span[];
  readonly extra: 0 | 1;
}

interface Uses {
  readonly values: readonly Value[];
  readonly stores: readonly Store[];
  readonly orderOf: Flow['orderOf'];
}

const spansOver = (terms: readonly Term[], axis: Axis): Span[] =>
  terms.flatMap(({ index }) => (index.kind === 'span' && index.axis === axis ? [index] : []));

/** Whether `value` is at hand where `region` runs. */
function isKnownIn(value: Value, region: Region): boolean {
  for (let at: Region | undefined = region; at; at = at.parent) if (value.region === at) return true;
  return false;
}

/** Whether the ends of `spans` are scalars of `region` that are computed before anything walks along `axis`. */
function areKnown(
  spans: readonly Span[],
  region: Region,
  axis: Axis,
  { values, stores, orderOf }: Uses,
): boolean {
  const isAlong = ({ axes }: Value): boolean => axes.includes(axis);
  const walking = [
    ...values.filter((value) => !isVirtual(value) && [value, ...operandsOf(value)].some(isAlong)),
    ...stores.filter(({ value }) => isAlong(value)),
  ];
  const first = Math.min(...walking.map(orderOf));
  return spans.every(({ start, limit }) =>
    [start, limit].every((end) => {
      if (end.op === 'constant' || end.op === 'parameter' || end.op === 'program') return true;
      return end.op !== 'reduce' && isKnownIn(end, region) && orderOf(end) < first;
    }),
  );
}

function independentRule(axis: Axis, { body }: Kernel, uses: Uses): ExtentRule | undefined {
  const isMixed = uses.values.some(
    (value) =>
      (value.op === 'reduce' && value.over.includes(axis)) || (value.op === 'dot' && value.over === axis),
  );
  const spans = uses.stores
    .filter(({ value }) => value.axes.includes(axis))
    .map(({ terms }) => spansOver(terms, axis)[0]);
  const known = spans.filter((span) => span !== undefined);
  if (isMixed || known.length === 0 || known.length < spans.length) return undefined;
  return areKnown(known, body, axis, uses) ? { axis, spans: known, extra: 0 } : undefined;
}

/** Whether `dot` leaves out what lies outside the span of this operand. */
const isCut = (operand: Value, axis: Axis): boolean =>
  operand.op === 'load' && operand.otherwise === 0 && spansOver(operand.terms, axis).length > 0;

function constantRule(axis: Axis, uses: Uses): ExtentRule | undefined {
  const { values, stores } = uses;
  const along = values.filter(
    (value) => value.axes.includes(axis) && value.op !== 'fill' && value.op !== 'constant',
  );
  const region = along[0]?.region;
  const written = stores.filter(({ value }) => value.axes.includes(axis));
  const isForeign = along.some(
    ({ op, region: own }) => own !== region || op === 'arange' || op === 'carried' || op === 'result',
  );
  const isMixed = values.some((value) => {
    if (value.op === 'dot') {
      return value.over === axis && !isCut(value.left, axis) && !isCut(value.right, axis);
    }
    // only along a row can the loop add what is left out in the definition's order
    return value.op === 'reduce' && value.over.includes(axis) && value.arg.axes.at(-1) !== axis;
  });
  const isScattered = written.some(({ terms }) => spansOver(terms, axis).length === 0);
  if (!region || isForeign || isMixed || isScattered) return undefined;
  const spans = [
    ...along.flatMap((value) => {
      if (value.op === 'inside') return value.span.axis === axis ? [value.span] : [];
      return value.op === 'load' ? spansOver(value.terms, axis) : [];
    }),
    ...written.flatMap(({ terms }) => spansOver(terms, axis)),
  ];
  return spans.length > 0 && areKnown(spans, region, axis, uses) ? { axis, spans, extra: 1 } : undefined;
}

/** Rules for the axes that have one. */
export function extentRules(kernel: Kernel, { statements, values, orderOf }: Flow): ExtentRule[] {
  const uses = {
    values,
    orderOf,
    stores: statements.flatMap(({ statement }) => (statement.kind === 'store' ? [statement] : [])),
  };
  const isRenamed = (axis: Axis): boolean =>
    uses.values.some((value) => value.op === 'rename' && (value.from === axis || value.to === axis));
  return kernel.axes.flatMap((axis) => {
    if (isRenamed(axis)) return [];
    return independentRule(axis, kernel, uses) ?? constantRule(axis, uses) ?? [];
  });
}
