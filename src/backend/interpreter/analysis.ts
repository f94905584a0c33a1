/** What the preparation of a kernel needs to know about its values before it makes steps for them. */
import type { Kernel, Region, Statement, Term, Value } from '../../kernel/ir.ts';

export const termOperands = (terms: readonly Term[]): Value[] =>
  terms.flatMap(({ index, stride }) =>
    index.kind === 'span' ? [index.start, index.limit, stride] : [index, stride],
  );

/** The address of a load; no other value has one. */
export const termsOf = (value: Value): readonly Term[] => (value.op === 'load' ? value.terms : []);

/** The values that `value` is computed from, in its own iteration. */
export function operandsOf(value: Value): readonly Value[] {
  switch (value.op) {
    case 'elementwise':
      return value.args;
    case 'inside':
      return [value.span.start, value.span.limit];
    case 'load':
      return termOperands(value.terms);
    case 'cast':
    case 'reduce':
    case 'rename':
      return [value.arg];
    case 'dot':
      return value.accumulator ? [value.left, value.right, value.accumulator] : [value.left, value.right];
    case 'random':
      return [value.key0, value.key1, value.counter0, value.counter1];
    default:
      return [];
  }
}

/** The values that a statement other than a `let` needs. */
function roots(statement: Statement): readonly Value[] {
  switch (statement.kind) {
    case 'let':
      return [];
    case 'store':
      return [statement.value, ...termOperands(statement.terms)];
    case 'loop': {
      const { from, to, step, initial, yields } = statement;
      return [from, to, step, ...initial, ...yields];
    }
    case 'when':
      return [statement.condition];
  }
}

function eachStatement(region: Region, visit: (statement: Statement) => void): void {
  for (const statement of region.statements) {
    visit(statement);
    if (statement.kind === 'loop' || statement.kind === 'when') eachStatement(statement.body, visit);
  }
}

/**
 * Sums that loops carry, with the values that hold them: they stay in doubles from round to round, however long the loop is. What
 * is carried counts as a sum where the next round adds to it, or to a multiple of it.
 */
export function carriedSums(kernel: Kernel): ReadonlySet<Value> {
  const sums = new Set<Value>();
  eachStatement(kernel.body, (statement) => {
    if (statement.kind === 'let' && statement.value.op === 'result') {
      const { loop, index } = statement.value;
      if (sums.has(loop.carried[index] as Value)) sums.add(statement.value);
    }
    if (statement.kind !== 'loop') return;
    statement.yields.forEach((value, i) => {
      const path = pathTo(statement.carried[i], value);
      if (value.dtype === 'f32') for (const part of path) sums.add(part);
    });
  });
  return sums;
}

/** The values from a carried one to what is yielded for it: nothing where that is no sum. */
function pathTo(carried: Value | undefined, value: Value): readonly Value[] {
  if (value.op === 'dot') return value.accumulator ? scaled(carried, value.accumulator, [value]) : [];
  if (value.op !== 'elementwise' || value.fn !== 'add') return [];
  return value.args.map((arg) => scaled(carried, arg, [value])).find((path) => path.length > 0) ?? [];
}

function scaled(carried: Value | undefined, value: Value, path: readonly Value[]): readonly Value[] {
  if (value === carried) return [...path, value];
  if (value.op !== 'elementwise' || value.fn !== 'mul') return [];
  const next = [...path, value];
  return value.args.map((arg) => scaled(carried, arg, next)).find((found) => found.length > 0) ?? [];
}

export interface Analysis {
  /** whether anything stored, or any bound or condition, depends on the value */
  isLive(value: Value): boolean;
  /** the same in every program of a launch: computed once, before the first */
  isUniform(value: Value): boolean;
  /** used as operands of `dot` alone, which reads them straight from memory */
  feedsDotsOnly(value: Value): boolean;
  /** a sum that a loop carries */
  isSum(value: Value): boolean;
  /** the live values computed from this one, unless a statement (store, loop, when) reads it too */
  consumersOf(value: Value): readonly Value[] | 'statements';
}

/** Whether a value depends on nothing but its operands. */
const isPure = (value: Value): boolean =>
  value.op !== 'load' &&
  value.op !== 'program' &&
  value.op !== 'induction' &&
  value.op !== 'carried' &&
  value.op !== 'result';

export function analyse(kernel: Kernel): Analysis {
  const live = new Set<Value>();
  const uniform = new Set<Value>();
  const usedOtherwise = new Set<Value>();
  const inStatements = new Set<Value>();
  const consumers = new Map<Value, Value[]>();
  const sums = carriedSums(kernel);
  const mark = (value: Value): void => {
    if (live.has(value)) return;
    live.add(value);
    for (const operand of operandsOf(value)) {
      const known = consumers.get(operand);
      if (known) known.push(value);
      else consumers.set(operand, [value]);
      mark(operand);
    }
  };
  eachStatement(kernel.body, (statement) => {
    for (const root of roots(statement)) {
      usedOtherwise.add(root);
      inStatements.add(root);
      mark(root);
    }
    if (statement.kind !== 'let') return;
    const { value } = statement;
    if (isPure(value) && operandsOf(value).every((operand) => uniform.has(operand))) uniform.add(value);
    for (const operand of operandsOf(value)) {
      const isFactor = value.op === 'dot' && operand !== value.accumulator;
      if (!isFactor) usedOtherwise.add(operand);
    }
  });
  return {
    isLive: (value) => live.has(value),
    isUniform: (value) => uniform.has(value),
    isSum: (value) => sums.has(value),
    feedsDotsOnly: (value) => !usedOtherwise.has(value),
    consumersOf: (value) => (inStatements.has(value) ? 'statements' : (consumers.get(value) ?? [])),
  };
}
