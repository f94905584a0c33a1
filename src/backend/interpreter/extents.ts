/**
 * How much of a tile has to be computed. Tiles at the edge of a tensor are mostly padding: of a 32 × 32 block of
 * attention scores over 12 words, a seventh counts. For two kinds of axes the steps may stop early:
 *
 * - *independent*: nothing is reduced or contracted along the axis and all stores cut it by spans. Then elements past the
 *   longest span of a store reach nobody.
 * - *constant past its spans*: every value along the axis is made, in one region, from loads and masks cut by spans, from
 *   fills, and from functions of those. Then all elements past the longest span are equal to the first one there, so
 *   that one stands for them; a sum adds it as often as the definition does. A contraction needs an operand that is
 *   zero there, since `dot` leaves such elements out.
 */
import { defined } from '../../base/errors.ts';
import type { Axis, Kernel, Region, Span, Statement, Store, Term, Value } from '../../kernel/ir.ts';
import { type Analysis, termsOf } from './analysis.ts';
import { type ExtentRule, extentOf, type Preparation, type Step, tileOf } from './preparation.ts';

interface Uses {
  readonly values: readonly Value[];
  readonly stores: readonly Store[];
}

function usesOf(kernel: Kernel, analysis: Analysis): Uses {
  const values: Value[] = [];
  const stores: Store[] = [];
  const visit = (statement: Statement): void => {
    if (statement.kind === 'let') {
      if (analysis.isLive(statement.value)) values.push(statement.value);
    } else if (statement.kind === 'store') stores.push(statement);
    else statement.body.statements.forEach(visit);
  };
  kernel.body.statements.forEach(visit);
  return { values, stores };
}

const spansOver = (terms: readonly Term[], axis: Axis): Span[] =>
  terms.flatMap(({ index }) => (index.kind === 'span' && index.axis === axis ? [index] : []));

const isRenamed = (axis: Axis, { values }: Uses): boolean =>
  values.some((value) => value.op === 'rename' && (value.from === axis || value.to === axis));

/** Whether `value` is at hand where `region` runs. */
function isKnownIn(value: Value, region: Region): boolean {
  for (let at: Region | undefined = region; at; at = at.parent) if (value.region === at) return true;
  return false;
}

const areKnownIn = (spans: readonly Span[], region: Region): boolean =>
  spans.every(({ start, limit }) => isKnownIn(start, region) && isKnownIn(limit, region));

function independentRule(axis: Axis, kernel: Kernel, { values, stores }: Uses): ExtentRule | undefined {
  const isMixed = values.some(
    (value) =>
      (value.op === 'reduce' && value.over.includes(axis)) || (value.op === 'dot' && value.over === axis),
  );
  const along = stores.filter(({ value }) => value.axes.includes(axis));
  const spans = along.map(({ terms }) => spansOver(terms, axis)[0]);
  const known = spans.filter((span) => span !== undefined);
  if (isMixed || known.length === 0 || known.length < spans.length) return undefined;
  if (!areKnownIn(known, kernel.body)) return undefined;
  return { axis, region: kernel.body, spans: known, extra: 0 };
}

/** Whether `dot` leaves out what lies outside the span of this operand. */
const isCut = (operand: Value, axis: Axis): boolean =>
  operand.op === 'load' && operand.otherwise === 0 && spansOver(operand.terms, axis).length > 0;

function constantRule(axis: Axis, { values, stores }: Uses): ExtentRule | undefined {
  const along = values.filter(
    (value) => value.axes.includes(axis) && value.op !== 'fill' && value.op !== 'constant',
  );
  const region = along[0]?.region;
  if (!region) return undefined;
  const isForeign = along.some(
    ({ op, region: own }) => own !== region || op === 'arange' || op === 'carried' || op === 'result',
  );
  const isContracted = values.some(
    (value) =>
      value.op === 'dot' && value.over === axis && !isCut(value.left, axis) && !isCut(value.right, axis),
  );
  const written = stores.filter(({ value }) => value.axes.includes(axis));
  const isScattered = written.some(({ terms }) => spansOver(terms, axis).length === 0);
  if (isForeign || isContracted || isScattered) return undefined;
  const spans = [
    ...along.flatMap((value) =>
      value.op === 'inside' && value.span.axis === axis ? [value.span] : spansOver(termsOf(value), axis),
    ),
    ...written.flatMap(({ terms }) => spansOver(terms, axis)),
  ];
  return spans.length > 0 && areKnownIn(spans, region) ? { axis, region, spans, extra: 1 } : undefined;
}

/** Rules for the axes that have one. */
export function extentRules(kernel: Kernel, analysis: Analysis): ExtentRule[] {
  const uses = usesOf(kernel, analysis);
  return kernel.axes.flatMap((axis) => {
    if (isRenamed(axis, uses)) return [];
    return independentRule(axis, kernel, uses) ?? constantRule(axis, uses) ?? [];
  });
}

/** The scalars that a rule waits for, of its own region. */
export const awaited = ({ spans, region }: ExtentRule): ReadonlySet<Value> =>
  new Set(spans.flatMap(({ start, limit }) => [start, limit]).filter((value) => value.region === region));

/** Everything along the axis counts. */
export function resetStep(at: Preparation, axis: Axis): Step {
  const extent = extentOf(at, axis);
  return () => {
    extent.value = axis.size;
  };
}

export function extentStep(at: Preparation, { axis, spans, extra }: ExtentRule): Step {
  const extent = extentOf(at, axis);
  const starts = spans.map(({ start }) => tileOf(at, start));
  const limits = spans.map(({ limit }) => tileOf(at, limit));
  return () => {
    let longest = 0;
    for (let i = 0; i < starts.length; i++) {
      const start = defined(starts[i], 'start');
      const limit = defined(limits[i], 'limit');
      const inside = (limit.data[limit.offset] as number) - (start.data[start.offset] as number);
      longest = Math.max(longest, inside);
    }
    extent.value = Math.min(axis.size, longest + extra);
  };
}
