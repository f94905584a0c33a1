import { checkArguments } from '../../base/arguments.ts';
import type { Precision, TypedArray } from '../../base/dtype.ts';
import { FrondError } from '../../base/errors.ts';
import * as is from '../../base/kinds.ts';
import type { Buffer, Kernel } from '../../kernel/ir.ts';
import { kernelKind } from '../../kernel/kinds.ts';
import { type MemoryAccess, type Watcher, walk } from './definition.ts';
import { checkLaunch, type LaunchSizes, programsOf } from './launch.ts';

/** What can be wrong with a kernel's use of memory, and how that is said of an element. */
const sentences = {
  /** an address below 0 or past the end */
  'out-of-range': 'is out of range',
  /** an element of a `write`, `update` or `scratch` buffer that two programs store */
  'two-writers': 'is stored by two programs',
  /** an element of a `write` or `update` buffer that one program stores twice */
  'written-twice': 'is stored twice by one program',
  /** a load of `scratch` that nothing has stored */
  'never-written': 'is loaded before anything stored it',
  /** a load of what another program stores, before or after it */
  'foreign-read': 'is loaded by one program and stored by another',
  /** a load of `update` after the program's own store to the element */
  'read-after-write': 'is loaded after this program stored it',
  /** an element of a `write` buffer that no program stores */
  unwritten: 'is never stored',
  /** two bindings that share memory, one of them written */
  'shared-memory': 'lies in memory that another binding shares',
} as const;

export type FindingKind = keyof typeof sentences;

export interface Finding {
  readonly kind: FindingKind;
  readonly buffer: string;
  /** index of the first element concerned; for `shared-memory`, of the first shared one */
  readonly element: number;
  /** grid coordinates of the program that met it; none for what shows after or before the run */
  readonly program: readonly number[] | undefined;
  /** the other program, where two are involved */
  readonly other: readonly number[] | undefined;
  /** `file:line` of the load or store in the kernel's author's text, where known */
  readonly source: string | undefined;
  /** how often this happened at this place */
  readonly count: number;
  /** all of it in one line */
  readonly message: string;
}

export interface SimulationReport {
  readonly kernel: string;
  /** programs run */
  readonly programs: number;
  readonly findings: readonly Finding[];
}

const NOBODY = -1;

/** What is known of each element of one buffer: the last program that stored it and the last two that loaded it. */
interface History {
  readonly writer: Int32Array;
  readonly reader: Int32Array;
  /** the last reader that is not `reader` */
  readonly readerBefore: Int32Array;
}

type Draft = Omit<Finding, 'count' | 'message'>;

/** Collects findings, one per kind, buffer and place in the source. */
class Findings {
  readonly #found = new Map<string, { draft: Draft; count: number }>();

  add(
    kind: FindingKind,
    { buffer, address, program, source }: Partial<MemoryAccess> & Pick<MemoryAccess, 'buffer' | 'address'>,
    other?: readonly number[],
  ): void {
    const draft: Draft = { kind, buffer: buffer.name, element: address, program, other, source };
    const key = [kind, buffer.name, source].join(' ');
    const known = this.#found.get(key) ?? { draft, count: 0 };
    known.count++;
    this.#found.set(key, known);
  }

  list(): Finding[] {
    return [...this.#found.values()].map(({ draft, count }) => ({
      ...draft,
      count,
      message: describe(draft, count),
    }));
  }
}

function describe({ kind, buffer, element, program, other, source }: Draft, count: number): string {
  const who = [program && `program [${program.join(', ')}]`, other && `program [${other.join(', ')}]`].filter(
    Boolean,
  );
  return [
    `${kind}: ${buffer}[${element}] ${sentences[kind]}`,
    who.length > 0 ? ` (${who.join(' and ')})` : '',
    source ? ` at ${source}` : '',
    count > 1 ? `, ${count} times in all` : '',
  ].join('');
}

/**
 * Runs a launch by the definition of the language and reports every access that a parallel device could get wrong.
 * The buffers hold the launch's results afterwards. Precision follows the buffers: f64 where any is a Float64Array.
 * @throws FROND-K030 when the grid, a scalar or a buffer is missing or of another type
 */
export function simulate(
  kernel: Kernel,
  launch: LaunchSizes,
  buffers: Readonly<Record<string, TypedArray>>,
): SimulationReport {
  const kinds = { kernel: kernelKind, launch: is.unchecked, buffers: is.unchecked };
  checkArguments('simulate', kinds, [kernel, launch, buffers]);
  const precision: Precision = Object.values(buffers ?? {}).some((data) => data instanceof Float64Array)
    ? 'f64'
    : 'f32';
  checkLaunch(kernel, launch, buffers, precision);
  const findings = new Findings();
  const programs = programsOf(launch.grid);
  const histories = new Map<Buffer, History>();
  for (const buffer of kernel.buffers) {
    const length = buffers[buffer.name]?.length ?? 0;
    const blank = () => new Int32Array(length).fill(NOBODY);
    histories.set(buffer, { writer: blank(), reader: blank(), readerBefore: blank() });
  }
  reportSharedMemory(kernel, buffers, findings);
  walk(kernel, launch, buffers, precision, watch(histories, programs, launch.grid, findings));
  reportUnwritten(histories, findings);
  return { kernel: kernel.name, programs: programs.length, findings: findings.list() };
}

function watch(
  histories: ReadonlyMap<Buffer, History>,
  programs: readonly (readonly number[])[],
  grid: readonly number[],
  findings: Findings,
): Watcher {
  const numberOf = (program: readonly number[]): number =>
    program.reduceRight((index, coordinate, d) => index * (grid[d] ?? 1) + coordinate, 0);
  const report = (kind: FindingKind, access: MemoryAccess, other = NOBODY): void =>
    findings.add(kind, access, programs[other]);
  const inRange = (access: MemoryAccess, { writer }: History): boolean => {
    if (Number.isInteger(access.address) && access.address >= 0 && access.address < writer.length)
      return true;
    report('out-of-range', access);
    return false;
  };
  return {
    load(access) {
      const history = histories.get(access.buffer);
      if (!history || !inRange(access, history)) return false;
      const self = numberOf(access.program);
      const writer = history.writer[access.address] ?? NOBODY;
      const { access: mode } = access.buffer;
      if (writer !== NOBODY && writer !== self) report('foreign-read', access, writer);
      else if (mode === 'scratch' && writer === NOBODY) report('never-written', access);
      else if (mode === 'update' && writer === self) report('read-after-write', access);
      const reader = history.reader[access.address] ?? NOBODY;
      if (reader !== self) {
        history.readerBefore[access.address] = reader;
        history.reader[access.address] = self;
      }
      return true;
    },
    store(access) {
      const history = histories.get(access.buffer);
      if (!history || !inRange(access, history)) return false;
      const self = numberOf(access.program);
      const writer = history.writer[access.address] ?? NOBODY;
      const lastReader = history.reader[access.address] ?? NOBODY;
      const reader = lastReader === self ? (history.readerBefore[access.address] ?? NOBODY) : lastReader;
      if (writer !== NOBODY && writer !== self) report('two-writers', access, writer);
      else if (writer === self && access.buffer.access !== 'scratch') report('written-twice', access);
      if (reader !== NOBODY && writer !== reader) report('foreign-read', access, reader);
      history.writer[access.address] = self;
      return true;
    },
  };
}

function reportUnwritten(histories: ReadonlyMap<Buffer, History>, findings: Findings): void {
  for (const [buffer, { writer }] of histories) {
    if (buffer.access !== 'write') continue;
    writer.forEach((program, address) => {
      if (program === NOBODY) findings.add('unwritten', { buffer, address });
    });
  }
}

function reportSharedMemory(
  kernel: Kernel,
  buffers: Readonly<Record<string, TypedArray>>,
  findings: Findings,
): void {
  const bound = kernel.buffers.flatMap((buffer) => {
    const data = buffers[buffer.name];
    return data ? [{ buffer, data }] : [];
  });
  for (const { buffer, data } of bound) {
    if (buffer.access === 'read') continue;
    const rival = bound.find(
      (other) =>
        other.buffer !== buffer &&
        other.data.buffer === data.buffer &&
        other.data.byteOffset < data.byteOffset + data.byteLength &&
        data.byteOffset < other.data.byteOffset + other.data.byteLength,
    );
    if (!rival) continue;
    const address = Math.max(0, (rival.data.byteOffset - data.byteOffset) / data.BYTES_PER_ELEMENT);
    findings.add('shared-memory', { buffer, address });
  }
}

/**
 * The report as an error, for those who want a launch without findings or none.
 * @throws FROND-K032 naming each finding.
 */
export function requireClean(report: SimulationReport): void {
  if (report.findings.length === 0) return;
  const lines = report.findings.map(({ message }) => message);
  throw new FrondError('FROND-K032', `kernel ${report.kernel}: ${lines.join('; ')}`, {
    node: report.findings.find(({ source }) => source)?.source,
    hint: 'each element has one writer, and a program reads only what no other program writes',
  });
}
