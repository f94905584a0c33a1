import { checkArguments } from '../base/arguments.ts';
import { type ErrorCode, FrondError, type SourcePlace } from '../base/errors.ts';
import { describeConflict, placeAxes } from './checkPlacement.ts';
import { collisionFaults, updateFaults } from './checkStores.ts';
import { describe, operandsOf, type PlacedStatement, statementsOf, valuesOf, valuesReadBy } from './flow.ts';
import type { Kernel, Loop, Region, Statement, Store, Value } from './ir.ts';
import { kernelKind } from './kinds.ts';
import {
  type Fault,
  formOf,
  loopFaults,
  names,
  sameAxes,
  sizeFaults,
  storeFaults,
  tileFaults,
  whenFaults,
} from './rules.ts';

/** Something that makes a kernel illegal in at least one backend, and therefore in all. */
export interface KernelFinding {
  /**
   * K101 axes of a tile · K102 declarations · K103 placement on threads · K104 use outside of a region · K105 uniformity
   * K106 types · K107 access of a buffer · K108 colliding stores · K109 carried values · K110 shapes · K112 order of accesses
   */
  readonly code: ErrorCode;
  readonly kernel: string;
  /** the value concerned: `reduce sum %12` */
  readonly value?: string | undefined;
  /** `file:line` of the author's call */
  readonly source?: string | undefined;
  readonly message: string;
  readonly hint?: string | undefined;
}

type Report = (fault: Fault, at?: Value | Store) => void;

/** Axes, buffers and parameters: extents, names, numbers given at launch. */
function checkDeclarations(kernel: Kernel, report: Report): void {
  kernel.axes.forEach((axis, place) => {
    for (const fault of sizeFaults(axis)) report(fault);
    if (axis.order !== place) {
      report({ code: 'FROND-K102', message: `axis ${axis.name} has order ${axis.order} at place ${place}` });
    }
  });
  const seen = new Set<string>();
  for (const { name } of [...kernel.buffers, ...kernel.parameters]) {
    if (seen.has(name)) report({ code: 'FROND-K102', message: `${name} is declared twice` });
    if (!/^[A-Za-z]\w*$/.test(name) || name.includes('__')) {
      report({
        code: 'FROND-K102',
        message: `${name} is not a name that every backend can print`,
        hint: 'use a letter followed by letters, digits and single underscores',
      });
    }
    seen.add(name);
  }
  if (!Number.isInteger(kernel.gridRank) || kernel.gridRank < 1 || kernel.gridRank > 4) {
    report({ code: 'FROND-K102', message: `a grid has 1 to 4 dimensions, not ${kernel.gridRank}` });
  }
}

/** Every value is used after it is made, and inside the region that makes it. */
function checkRegions(kernel: Kernel, report: Report): void {
  const visible = new Set<Value>();
  const use = (values: readonly Value[], statement: Statement, what: string): void => {
    for (const value of values) {
      if (visible.has(value)) continue;
      report(
        {
          code: 'FROND-K104',
          message: `${what} uses ${describe(value)} outside of the region that makes it`,
          hint: 'values made in a loop or condition stay inside; carry what is needed later',
        },
        userOf(statement) ?? value,
      );
    }
  };
  /** what `end` judges may use the values of the region */
  const walk = (region: Region, end: () => void): void => {
    const made: Value[] = [];
    for (const statement of region.statements) {
      if (statement.kind === 'loop') {
        const { from, to, step, initial, yields, induction } = statement;
        use([from, to, step, ...initial], statement, 'a loop');
        walk(statement.body, () => use([induction, ...yields], statement, 'the end of a loop'));
      } else {
        use(valuesReadBy(statement), statement, nameOf(statement));
        if (statement.kind === 'when') walk(statement.body, () => {});
        if (statement.kind !== 'let') continue;
        visible.add(statement.value);
        made.push(statement.value);
      }
    }
    end();
    for (const value of made) visible.delete(value);
  };
  walk(kernel.body, () => {});
}

/** The value or store that a finding about a statement names. */
function userOf(statement: Statement): Value | Store | undefined {
  if (statement.kind === 'let') return statement.value;
  return statement.kind === 'store' ? statement : undefined;
}

function nameOf(statement: Statement): string {
  if (statement.kind === 'let') return describe(statement.value);
  return statement.kind === 'store' ? `store to ${statement.buffer.name}` : 'a condition';
}

/**
 * The scalars that every thread of a workgroup provably agrees on, as WGSL's uniformity analysis sees it:
 * constants, parameters, program indices, loads of `read` buffers at uniform places, loop counters, reductions over
 * all axes (broadcast by the backend), and what is computed or carried from these alone.
 * A scalar loaded from memory that the program writes is not among them.
 */
function findUniform(statements: readonly PlacedStatement[]): ReadonlySet<Value> {
  const values = valuesOf(statements);
  const loops = statements.flatMap(({ statement }) => (statement.kind === 'loop' ? [statement] : []));
  const loopOf = new Map<Value, Loop>(loops.flatMap((loop) => loop.carried.map((value) => [value, loop])));
  // Start from "every scalar is uniform" and strike out until nothing changes: carried values are cyclic.
  const uniform = new Set(values.filter((value) => value.axes.length === 0));
  const holds = (value: Value): boolean => {
    if (value.op === 'reduce') return true;
    if (value.op === 'load' && value.buffer.access !== 'read') return false;
    if (value.op === 'carried' || value.op === 'result') {
      const loop = value.op === 'result' ? value.loop : loopOf.get(value);
      const sources = [loop?.initial[value.index], loop?.yields[value.index]];
      return sources.every((source) => source !== undefined && uniform.has(source));
    }
    return operandsOf(value).every((operand) => uniform.has(operand));
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (const value of [...uniform]) {
      if (holds(value)) continue;
      uniform.delete(value);
      changed = true;
    }
  }
  return uniform;
}

/** Loop bounds and conditions are scalars that all threads agree on. */
function checkControl(statement: Statement, uniform: ReadonlySet<Value>, report: Report): void {
  const demand = (value: Value, what: string): void => {
    if (uniform.has(value) || value.axes.length > 0) return;
    report(
      {
        code: 'FROND-K105',
        message: `${what} must be a uniform scalar, ${describe(value)} is loaded from memory that this program writes`,
        hint: 'use constants, parameters, program indices, loads of read buffers, loop counters or reductions over all axes',
      },
      value,
    );
  };
  if (statement.kind === 'when') {
    demand(statement.condition, 'a condition');
    for (const fault of whenFaults(statement)) report(fault, statement.condition);
  } else if (statement.kind === 'loop') {
    demand(statement.from, 'the start of a loop');
    demand(statement.to, 'the end of a loop');
    demand(statement.step, 'the step of a loop');
    for (const fault of loopFaults(statement)) report(fault, statement.induction);
  }
}

/** A value has the axes and the type that follow from its operands. */
function valueFaults(value: Value, kernel: Kernel): Fault[] {
  const { axes, dtype, faults } = formOf(value);
  const what = describe(value);
  const found = [...tileFaults(what, value.axes, value.op), ...faults];
  for (const axis of value.axes) {
    if (kernel.axes[axis.order] === axis) continue;
    found.push({ code: 'FROND-K101', message: `axis ${axis.name} is not declared by this kernel` });
  }
  if (!sameAxes(axes, value.axes)) {
    const message = `${what} has the axes ${names(value.axes)}, those of its operands are ${names(axes)}`;
    found.push({ code: 'FROND-K110', message });
  }
  if (dtype !== value.dtype) {
    found.push({ code: 'FROND-K106', message: `${what} is ${value.dtype}, its operands give ${dtype}` });
  }
  return found;
}

function checkStatement(
  placed: PlacedStatement,
  kernel: Kernel,
  statements: readonly PlacedStatement[],
  report: Report,
): void {
  const at = userOf(placed.statement);
  if (!at) return;
  const faults =
    at.kind === 'store'
      ? [...storeFaults(at), ...collisionFaults(placed, at, statements)]
      : valueFaults(at, kernel);
  for (const fault of faults) report(fault, at);
  const buffer = at.kind === 'store' || at.op === 'load' ? at.buffer : undefined;
  if (buffer && !kernel.buffers.includes(buffer)) {
    report({ code: 'FROND-K102', message: `buffer ${buffer.name} is not declared` }, at);
  }
}

/**
 * Judges a kernel for every backend at once: what has no finding here is legal in the interpreter, in WGSL under its
 * uniformity rules, and in WASM. Limits of an adapter (memory, bindings) are judged when printing for it.
 */
export function checkKernel(kernel: Kernel): readonly KernelFinding[] {
  checkArguments('checkKernel', { kernel: kernelKind }, [kernel]);
  const findings: KernelFinding[] = [];
  const report: Report = (fault, at) => {
    findings.push({
      ...fault,
      kernel: kernel.name,
      value: at === undefined ? undefined : at.kind === 'store' ? `store to ${at.buffer.name}` : describe(at),
      source: at?.source,
    });
  };
  checkDeclarations(kernel, report);
  checkRegions(kernel, report);
  const statements = statementsOf(kernel);
  const uniform = findUniform(statements);
  for (const placed of statements) {
    checkStatement(placed, kernel, statements, report);
    checkControl(placed.statement, uniform, report);
  }
  for (const { value, fault } of updateFaults(kernel, statements)) report(fault, value);
  for (const conflict of placeAxes(statements).conflicts) {
    report(
      {
        code: 'FROND-K103',
        message: describeConflict(conflict),
        hint: `declare another axis of ${conflict.axis.size} elements and rename one of the tiles`,
      },
      conflict.second,
    );
  }
  return findings;
}

const placeOf = (source: string | undefined): SourcePlace | undefined => {
  const [file, line] = source?.split(':') ?? [];
  return file === undefined ? undefined : { file, line: line === undefined ? undefined : Number(line) };
};

/** Throws the first finding as an error, naming kernel, value, source line and what to do. */
export function assertKernel(kernel: Kernel): void {
  const findings = checkKernel(kernel);
  const [first] = findings;
  if (!first) return;
  const more = findings.length > 1 ? ` (and ${findings.length - 1} more)` : '';
  throw new FrondError(first.code, `kernel ${kernel.name}: ${first.message}${more}`, {
    node: first.value === undefined ? undefined : `${kernel.name}/${first.value}`,
    place: placeOf(first.source),
    hint: first.hint,
  });
}
