import { checkArguments } from '../base/arguments.ts';
import { FrondError, type SourcePlace } from '../base/errors.ts';
import { areSame } from '../base/own.ts';
import { describeConflict, placeAxes } from './checkPlacement.ts';
import { collisionFaults } from './checkStores.ts';
import {
  dependenciesOf,
  describe,
  loopsOf,
  type PlacedStatement,
  statementsOf,
  valuesOf,
  valuesReadBy,
} from './flow.ts';
import type { Buffer, Kernel, Region, Statement, Store, Value } from './ir.ts';
import { kernelKind } from './kinds.ts';
import * as rules from './rules.ts';

/** Something that makes a kernel illegal in at least one backend, and therefore in all. */
export interface KernelFinding extends rules.Fault {
  readonly kernel: string;
  /** the value concerned: `reduce sum %12` */
  readonly value?: string | undefined;
  /** `file:line` of the author's call */
  readonly source?: string | undefined;
}

type Report = (at: Value | Store | undefined, ...faults: readonly rules.Fault[]) => void;

/** Axes, buffers and parameters: extents, names, numbers given at launch. */
function declarationFaults({ axes, buffers, parameters, gridRank }: Kernel): rules.Fault[] {
  const fault = (message: string, hint?: string): rules.Fault => ({ code: 'FROND-K102', message, hint });
  const all = [...buffers, ...parameters].map(({ name }) => name);
  return [
    ...axes.flatMap(rules.sizeFaults),
    ...rules.broken(
      ...axes.map(
        ({ name, order }, i) => order !== i && fault(`axis ${name} has order ${order} at place ${i}`),
      ),
      ...all.map((name, i) => all.indexOf(name) < i && fault(`${name} is declared twice`)),
      ...all.map(
        (name) =>
          (!/^[A-Za-z]\w*$/.test(name) || name.includes('__')) &&
          fault(
            `${name} is not a name that every backend can print`,
            'use a letter followed by letters, digits and single underscores',
          ),
      ),
      ![1, 2, 3, 4].includes(gridRank) && fault(`a grid has 1 to 4 dimensions, not ${gridRank}`),
    ),
  ];
}

/** Every value is used after it is made, and inside the region that makes it. */
function checkRegions(kernel: Kernel, report: Report): void {
  const visible = new Set<Value>();
  const use = (values: readonly Value[], statement: Statement, what: string): void => {
    for (const value of values) {
      if (visible.has(value)) continue;
      report(userOf(statement) ?? value, {
        code: 'FROND-K104',
        message: `${what} uses ${describe(value)} outside of the region that makes it`,
        hint: 'values made in a loop or condition stay inside; carry what is needed later',
      });
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

const nameOf = (statement: Statement): string => describeUser(userOf(statement)) ?? 'a condition';

const describeUser = (user: Value | Store | undefined): string | undefined =>
  user?.kind === 'store' ? `store to ${user.buffer.name}` : user && describe(user);

/**
 * Loop bounds and conditions are scalars that every thread of a workgroup provably agrees on, as WGSL's uniformity analysis sees
 * it: constants, parameters, program indices, loads of `read` buffers at uniform places, loop counters, reductions over all axes
 * (broadcast by the backend), and what is computed or carried from these alone. A scalar loaded from memory that the program writes
 * is not among them.
 */
function checkControl(statement: Statement, statements: readonly PlacedStatement[], report: Report): void {
  const reductions = valuesOf(statements).filter(({ op }) => op === 'reduce');
  const demand = (value: Value, what: string): void => {
    const sources = dependenciesOf(value, loopsOf(statements), new Set(reductions));
    const isUniform = ![...sources].some((source) => source.op === 'load' && source.buffer.access !== 'read');
    if (isUniform || value.axes.length > 0) return;
    report(value, {
      code: 'FROND-K105',
      message: `${what} must be a uniform scalar, ${describe(value)} is loaded from memory that this program writes`,
      hint: 'use constants, parameters, program indices, loads of read buffers, loop counters or reductions over all axes',
    });
  };
  if (statement.kind === 'when') {
    demand(statement.condition, 'a condition');
    report(statement.condition, ...rules.whenFaults(statement));
  } else if (statement.kind === 'loop') {
    demand(statement.from, 'the start of a loop');
    demand(statement.to, 'the end of a loop');
    demand(statement.step, 'the step of a loop');
    report(statement.induction, ...rules.loopFaults(statement));
  }
}

/** A value has the axes and the type that follow from its operands. */
function valueFaults(value: Value, kernel: Kernel): rules.Fault[] {
  const { axes, dtype, faults } = rules.formOf(value);
  const what = describe(value);
  return [
    ...rules.tileFaults(what, value.axes, value.op),
    ...faults,
    ...rules.broken(
      ...value.axes.map(
        (axis) =>
          kernel.axes[axis.order] !== axis &&
          rules.tileFault(`axis ${axis.name} is not declared by this kernel`),
      ),
      !areSame(axes, value.axes) &&
        rules.axesFault(
          `${what} has the axes ${rules.names(value.axes)}, those of its operands are ${rules.names(axes)}`,
        ),
      dtype !== value.dtype && rules.typeFault(`${what} is ${value.dtype}, its operands give ${dtype}`),
    ),
  ];
}

/**
 * Loads of `update` buffers come before their stores, also in the same round of a loop: afterwards an element holds what the program
 * wrote. `stored`: the buffers that are stored before a statement.
 */
function accessFaults(at: Value | Store, kernel: Kernel, stored: ReadonlySet<Buffer>): rules.Fault[] {
  if (at.kind === 'value' && at.op !== 'load') return [];
  const { buffer } = at;
  return rules.broken(
    !kernel.buffers.includes(buffer) && {
      code: 'FROND-K102',
      message: `buffer ${buffer.name} is not declared`,
    },
    at.kind === 'value' &&
      buffer.access === 'update' &&
      stored.has(buffer) && {
        code: 'FROND-K112',
        message: `load of the update buffer ${buffer.name} after a store to it`,
        hint: 'load before storing, or declare the buffer as scratch',
      },
  );
}

/**
 * Judges a kernel for every backend at once: what has no finding here is legal in the interpreter, in WGSL under its
 * uniformity rules, and in WASM. Limits of an adapter (memory, bindings) are judged when printing for it.
 */
export function checkKernel(kernel: Kernel): readonly KernelFinding[] {
  checkArguments('checkKernel', { kernel: kernelKind }, [kernel]);
  const findings: KernelFinding[] = [];
  const report: Report = (at, ...faults) => {
    for (const fault of faults) {
      findings.push({ ...fault, kernel: kernel.name, value: describeUser(at), source: at?.source });
    }
  };
  report(undefined, ...declarationFaults(kernel));
  checkRegions(kernel, report);
  const statements = statementsOf(kernel);
  const stored = new Set<Buffer>();
  for (const placed of statements) {
    const { statement } = placed;
    const at = userOf(statement);
    if (statement.kind === 'store') {
      report(at, ...rules.storeFaults(statement), ...collisionFaults(placed, statement, statements));
      stored.add(statement.buffer);
    } else if (statement.kind === 'let') report(at, ...valueFaults(statement.value, kernel));
    else checkControl(statement, statements, report);
    if (at) report(at, ...accessFaults(at, kernel, stored));
  }
  for (const conflict of placeAxes(statements).conflicts) {
    report(conflict.second, {
      code: 'FROND-K103',
      message: describeConflict(conflict),
      hint: `declare another axis of ${conflict.axis.size} elements and rename one of the tiles`,
    });
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
