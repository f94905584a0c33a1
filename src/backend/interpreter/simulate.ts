import { checkArguments } from '../../base/arguments.ts';
import type { Precision, TypedArray } from '../../base/dtype.ts';
import { defined, FrondError } from '../../base/errors.ts';
import * as is from '../../base/kinds.ts';
import type { Buffer, Kernel } from '../../kernel/ir.ts';
import { kernelKind } from '../../kernel/kinds.ts';
import { type Watcher, walk } from './definition.ts';
import { type Buffers, checkLaunch, type LaunchSizes, programsOf } from './launch.ts';

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
type History = Readonly<Record<'writer' | 'reader' | 'readerBefore', Int32Array>>;

type Report = (
  kind: FindingKind,
  place: Pick<Finding, 'buffer' | 'element'> & Partial<Pick<Finding, 'program' | 'other' | 'source'>>,
) => void;

function describe(finding: Omit<Finding, 'message'>): string {
  const { kind, buffer, element, program, other, source, count } = finding;
  const who = [program, other].flatMap((one) => (one ? [`program [${one.join(', ')}]`] : []));
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
export function simulate(kernel: Kernel, launch: LaunchSizes, buffers: Buffers): SimulationReport {
  const kinds = { kernel: kernelKind, launch: is.unchecked, buffers: is.unchecked };
  checkArguments('simulate', kinds, [kernel, launch, buffers]);
  const isDouble = Object.values(buffers ?? {}).some((data) => data instanceof Float64Array);
  const precision: Precision = isDouble ? 'f64' : 'f32';
  checkLaunch(kernel, launch, buffers, precision);
  /** one per kind, buffer and place in the source */
  const found = new Map<string, Omit<Finding, 'message'>>();
  const report: Report = (kind, { program, other, source, ...element }) => {
    const key = [kind, element.buffer, source].join(' ');
    const known = found.get(key) ?? { kind, ...element, program, other, source, count: 0 };
    found.set(key, { ...known, count: known.count + 1 });
  };
  const histories = new Map<Buffer, History>();
  for (const buffer of kernel.buffers) {
    const blank = () => new Int32Array(buffers[buffer.name]?.length ?? 0).fill(NOBODY);
    histories.set(buffer, { writer: blank(), reader: blank(), readerBefore: blank() });
  }
  const programs = programsOf(launch.grid);
  reportSharedMemory(kernel, buffers, report);
  walk(kernel, launch, buffers, precision, watching(histories, programs, report));
  for (const [buffer, { writer }] of histories) {
    if (buffer.access !== 'write') continue;
    writer.forEach((program, element) => {
      if (program === NOBODY) report('unwritten', { buffer: buffer.name, element });
    });
  }
  const findings = [...found.values()].map((finding) => ({ ...finding, message: describe(finding) }));
  return { kernel: kernel.name, programs: programs.length, findings };
}

function watching(
  histories: ReadonlyMap<Buffer, History>,
  programs: readonly (readonly number[])[],
  report: Report,
): Watcher {
  return (by, element, self) => {
    const { buffer } = by;
    const note = (kind: FindingKind, other = NOBODY): void => {
      const { source } = by;
      report(kind, { buffer: buffer.name, element, program: programs[self], other: programs[other], source });
    };
    const { writer: writers, reader: readers, readerBefore } = defined(histories.get(buffer), 'buffer');
    const [writer, reader] = [writers[element], readers[element]];
    if (writer === undefined || reader === undefined) {
      note('out-of-range');
      return false;
    }
    const isForeign = writer !== NOBODY && writer !== self;
    if (by.kind === 'value') {
      if (isForeign) note('foreign-read', writer);
      else if (buffer.access === 'scratch' && writer === NOBODY) note('never-written');
      else if (buffer.access === 'update' && writer === self) note('read-after-write');
      if (reader !== self) {
        readerBefore[element] = reader;
        readers[element] = self;
      }
    } else {
      if (isForeign) note('two-writers', writer);
      else if (writer === self && buffer.access !== 'scratch') note('written-twice');
      const other = reader === self ? readerBefore[element] : reader;
      if (other !== NOBODY && other !== writer) note('foreign-read', other);
      writers[element] = self;
    }
    return true;
  };
}

function reportSharedMemory({ buffers }: Kernel, bound: Buffers, report: Report): void {
  const memoryOf = ({ name }: Buffer): TypedArray => defined(bound[name], 'bound buffer');
  for (const buffer of buffers.filter(({ access }) => access !== 'read')) {
    const data = memoryOf(buffer);
    const rival = buffers.find((other) => other !== buffer && areShared(memoryOf(other), data));
    if (!rival) continue;
    const bytes = Math.max(0, memoryOf(rival).byteOffset - data.byteOffset);
    report('shared-memory', { buffer: buffer.name, element: bytes / data.BYTES_PER_ELEMENT });
  }
}

const areShared = (one: TypedArray, other: TypedArray): boolean =>
  one.buffer === other.buffer &&
  one.byteOffset < other.byteOffset + other.byteLength &&
  other.byteOffset < one.byteOffset + one.byteLength;

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
