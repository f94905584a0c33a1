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
import { type Flow, operandsOf, spansOf } from '../../kernel/flow.ts';
import type { Axis, Kernel, Region, Span, Value } from '../../kernel/ir.ts';
import { isVirtual } from './fusedLoops.ts';

/** The extent of an axis follows from `spans`: the longest counts, and `extra` elements more. */
export interface ExtentRule {
  readonly axis: Axis;
  readonly spans: readonly Span[];
  readonly extra: 0 | 1;
}

/** Whether `value` is at hand where `region` runs. */
function isKnownIn(value: Value, region: Region): boolean {
  for (let at: Region | undefined = region; at; at = at.parent) if (value.region === at) return true;
  return false;
}

/** Whether `dot` leaves out what lies outside the span of this operand. */
const isCut = (operand: Value, axis: Axis): boolean =>
  operand.op === 'load' && operand.otherwise === 0 && spansOf(operand.terms, axis).length > 0;

function ruleOf(axis: Axis, body: Region, { statements, values, orderOf }: Flow): ExtentRule | undefined {
  const isAlong = ({ axes }: Value): boolean => axes.includes(axis);
  const stores = statements.flatMap(({ statement }) =>
    statement.kind === 'store' && isAlong(statement.value) ? [statement] : [],
  );
  const stored = stores.map(({ terms }) => spansOf(terms, axis));
  const isRenamed = values.some((value) => value.op === 'rename' && [value.from, value.to].includes(axis));
  if (isRenamed || stored.some((spans) => spans.length === 0)) return undefined;

  const walking = [
    ...values.filter((value) => !isVirtual(value) && [value, ...operandsOf(value)].some(isAlong)),
    ...stores,
  ];
  const first = Math.min(...walking.map(orderOf));
  /** The rule, where the ends of its spans are scalars that are computed before anything walks along the axis. */
  const rule = (region: Region, spans: readonly Span[], extra: 0 | 1): ExtentRule | undefined => {
    const isKnown = (end: Value): boolean =>
      isOfLaunch(end) || (end.op !== 'reduce' && isKnownIn(end, region) && orderOf(end) < first);
    const areKnown = spans.length > 0 && spans.every(({ start, limit }) => isKnown(start) && isKnown(limit));
    return areKnown ? { axis, spans, extra } : undefined;
  };

  const isReduced = values.some((value) =>
    value.op === 'reduce' ? value.over.includes(axis) : value.op === 'dot' && value.over === axis,
  );
  const independent = isReduced ? undefined : rule(body, stored.flat(), 0);
  if (independent) return independent;

  const along = values.filter((value) => isAlong(value) && value.op !== 'fill' && value.op !== 'constant');
  const region = along[0]?.region;
  const isForeign = along.some(
    ({ op, region: own }) => own !== region || op === 'arange' || op === 'carried' || op === 'result',
  );
  const isMixed = values.some((value) => {
    if (value.op === 'dot')
      return value.over === axis && !isCut(value.left, axis) && !isCut(value.right, axis);
    // only along a row can the loop add what is left out in the definition's order
    return value.op === 'reduce' && value.over.includes(axis) && value.arg.axes.at(-1) !== axis;
  });
  const spans = along.flatMap((value) => {
    if (value.op === 'inside') return value.span.axis === axis ? [value.span] : [];
    return value.op === 'load' ? spansOf(value.terms, axis) : [];
  });
  return region && !isForeign && !isMixed ? rule(region, [...spans, ...stored.flat()], 1) : undefined;
}

/** Scalars that stand before a program begins. */
const isOfLaunch = ({ op }: Value): boolean => op === 'constant' || op === 'parameter' || op === 'program';

/** Rules for the axes that have one. */
export const extentRules = ({ axes, body }: Kernel, flow: Flow): ExtentRule[] =>
  axes.flatMap((axis) => ruleOf(axis, body, flow) ?? []);
