import { checkArguments } from '../base/arguments.ts';
import { type ErrorCode, FrondError, type SourcePlace } from '../base/errors.ts';
import { describeConflict, placeAxes } from './checkPlacement.ts';
import { storeFaults, updateFaults } from './checkStores.ts';
import { axisFaults, type Fault, valueFaults } from './checkTypes.ts';
import { findUniform } from './checkUniform.ts';
import { describe, operandsOf, type PlacedStatement, statementsOf, termValues } from './flow.ts';
import type { Kernel, Loop, Region, Store, Value } from './ir.ts';
import { kernelKind } from './kinds.ts';

/** Something that makes a kernel illegal in at least one reading, and therefore in all. */
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
    if (!Number.isInteger(axis.size) || axis.size <= 0 || axis.size % 4 !== 0) {
      report({
        code: 'FROND-K102',
        message: `axis ${axis.name} has ${axis.size} elements`,
        hint: 'extents are positive multiples of 4; a logical size that is not goes into the limit of a span',
      });
    }
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
        message: `${name} is not a name that every reading can print`,
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
  const use = (value: Value, user: Value | Store | undefined, what: string): void => {
    if (visible.has(value)) return;
    report(
      {
        code: 'FROND-K104',
        message: `${what} uses ${describe(value)} outside of the region that makes it`,
        hint: 'values made in a loop or condition stay inside; carry what is needed later',
      },
      user ?? value,
    );
  };
  const walk = (region: Region): void => {
    const made: Value[] = [];
    for (const statement of region.statements) {
      if (statement.kind === 'let') {
        const { value } = statement;
        for (const operand of operandsOf(value)) use(operand, value, describe(value));
        visible.add(value);
        made.push(value);
      } else if (statement.kind === 'store') {
        for (const operand of [statement.value, ...termValues(statement.terms)]) {
          use(operand, statement, `store to ${statement.buffer.name}`);
        }
      } else if (statement.kind === 'loop') {
        const { from, to, step, initial, body, yields, induction } = statement;
        for (const operand of [from, to, step, ...initial]) use(operand, undefined, 'a loop');
        // the body is walked by hand so that what it yields is judged while its values are visible
        const inner = walkKeeping(body);
        for (const operand of [induction, ...yields]) use(operand, undefined, 'the end of a loop');
        for (const value of inner) visible.delete(value);
      } else {
        use(statement.condition, undefined, 'a condition');
        walk(statement.body);
      }
    }
    for (const value of made) visible.delete(value);
  };
  const walkKeeping = (region: Region): Value[] => {
    const made: Value[] = [];
    for (const statement of region.statements) if (statement.kind === 'let') made.push(statement.value);
    walk(region);
    for (const value of made) visible.add(value);
    return made;
  };
  walk(kernel.body);
}

/** Loop bounds and conditions are scalars that all threads agree on. */
function checkControl({ statement }: PlacedStatement, uniform: ReadonlySet<Value>, report: Report): void {
  const demand = (value: Value, what: string): void => {
    if (uniform.has(value)) return;
    report(
      {
        code: 'FROND-K105',
        message: `${what} must be a uniform scalar, ${describe(value)} is ${value.axes.length > 0 ? 'a tile' : 'loaded from memory that this program writes'}`,
        hint: 'use constants, parameters, program indices, loads of read buffers, loop counters or reductions over all axes',
      },
      value,
    );
  };
  if (statement.kind === 'when') {
    demand(statement.condition, 'a condition');
    if (statement.condition.dtype !== 'bool') {
      report({ code: 'FROND-K106', message: 'a condition must be a bool' }, statement.condition);
    }
  } else if (statement.kind === 'loop') {
    for (const [bound, what] of [
      [statement.from, 'the start of a loop'],
      [statement.to, 'the end of a loop'],
      [statement.step, 'the step of a loop'],
    ] as const) {
      demand(bound, what);
      if (bound.dtype !== 'i32') report({ code: 'FROND-K106', message: `${what} must be an i32` }, bound);
    }
    if (statement.step.op === 'constant' && statement.step.value <= 0) {
      report({ code: 'FROND-K109', message: 'the step of a loop must be positive' }, statement.step);
    }
    checkCarried(statement, report);
  }
}

function checkCarried(loop: Loop, report: Report): void {
  const { initial, carried, yields } = loop;
  if (carried.length !== initial.length || yields.length !== initial.length) {
    report({
      code: 'FROND-K109',
      message: `a loop starts ${initial.length} values, carries ${carried.length} and yields ${yields.length}`,
    });
    return;
  }
  initial.forEach((value, i) => {
    for (const other of [carried[i], yields[i]]) {
      const same =
        other?.dtype === value.dtype &&
        other.axes.length === value.axes.length &&
        other.axes.every((axis, j) => axis === value.axes[j]);
      if (!same) {
        report(
          {
            code: 'FROND-K109',
            message: `carried value ${i} changes its axes or type`,
            hint: 'rename axes or broadcast (add a fill) before yielding',
          },
          other ?? value,
        );
      }
    }
  });
}

/** Scalars that spans, addresses and keys are made of. */
function checkScalars(terms: readonly Value[], what: string, at: Value | Store, report: Report): void {
  for (const value of terms) {
    if (value.axes.length > 0) {
      report({ code: 'FROND-K105', message: `${what} must be scalars, ${describe(value)} is a tile` }, at);
    }
    if (value.dtype !== 'i32') {
      report(
        { code: 'FROND-K106', message: `${what} must be i32, ${describe(value)} is ${value.dtype}` },
        at,
      );
    }
  }
}

function checkAddress(at: (Value & { readonly op: 'load' }) | Store, report: Report): void {
  const where = at.kind === 'store' ? `store to ${at.buffer.name}` : `load of ${at.buffer.name}`;
  for (const { index, stride } of at.terms) {
    checkScalars([stride], `${where}: strides`, at, report);
    if (index.kind === 'span') checkScalars([index.start, index.limit], `${where}: spans`, at, report);
    else if (index.dtype !== 'i32' && index.dtype !== 'u32') {
      report({ code: 'FROND-K106', message: `${where}: an index is ${index.dtype}, not i32 or u32` }, at);
    }
  }
}

function checkStep(
  step: PlacedStatement,
  kernel: Kernel,
  steps: readonly PlacedStatement[],
  report: Report,
): void {
  const { statement } = step;
  if (statement.kind === 'let') {
    const { value } = statement;
    for (const fault of [...axisFaults(value, kernel.axes), ...valueFaults(value)]) report(fault, value);
    if (value.op === 'load') checkAddress(value, report);
    if (value.op === 'inside') {
      checkScalars([value.span.start, value.span.limit], 'the ends of a span', value, report);
    }
    if (value.op === 'load' && !kernel.buffers.includes(value.buffer)) {
      report({ code: 'FROND-K102', message: `buffer ${value.buffer.name} is not declared` }, value);
    }
  } else if (statement.kind === 'store') {
    checkAddress(statement, report);
    for (const fault of storeFaults(step, statement, steps)) report(fault, statement);
    if (!kernel.buffers.includes(statement.buffer)) {
      report({ code: 'FROND-K102', message: `buffer ${statement.buffer.name} is not declared` }, statement);
    }
  }
}

/**
 * Judges a kernel for every reading at once: what has no finding here is legal in the interpreter, in WGSL under its
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
  const steps = statementsOf(kernel);
  const uniform = findUniform(steps);
  for (const step of steps) {
    checkStep(step, kernel, steps, report);
    checkControl(step, uniform, report);
  }
  for (const { value, fault } of updateFaults(kernel, steps)) report(fault, value);
  for (const conflict of placeAxes(steps).conflicts) {
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
