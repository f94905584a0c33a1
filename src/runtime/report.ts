import { checkArguments } from '../base/arguments.ts';
import { evaluate, type Sizes } from '../base/dim.ts';
import * as is from '../base/kinds.ts';
import { type Graph, type GraphLike, graphKind, irOf, type Node } from '../ir/graph.ts';
import { type OpRegistry, registryKind } from '../ir/record.ts';
import { noSchedules, type Schedules } from '../kernel/schedule.ts';
import { fusingPasses } from '../passes/index.ts';
import { elementsOf, gridOf, planProgram } from './bind.ts';
import { optimiseAndLower } from './compile.ts';
import { requireNames } from './exampleFeeds.ts';
import type { LoweredProgram } from './lower.ts';
import { contextOf } from './nodes.ts';

/** What a program will do at given sizes, known before it runs. */
export interface ProgramReport {
  readonly launches: number;
  /** distinct kernel texts */
  readonly kernels: number;
  readonly flops: number;
  /** bytes read and written by all launches, each operand once */
  readonly bytesMoved: number;
  /** bytes of the arena of intermediates, as planned; executables of one state share the largest of theirs */
  readonly peakBytes: number;
  /** bytes that all intermediates would take side by side */
  readonly unsharedBytes: number;
}

/** What a graph's program will do, and what it would without the passes that join nodes into fewer kernels. */
export interface FusionReport {
  readonly fused: ProgramReport;
  readonly unfused: ProgramReport;
  /** planned peak ÷ bytes of all intermediates of the unfused graph side by side */
  readonly peakShare: number;
}

const schedulesKind = is.optional(is.having('schedules', 'find', 'programs'));
const reportKind = is.having('what reportFusion gives', 'fused', 'unfused', 'peakShare');
const programKind = is.having('a lowered program, such as executable.program', 'nodes', 'graph', 'gradients');

/** Optimises and lowers a graph with fusion and without; nothing runs, and no device is needed. */
export function reportFusion(
  given: GraphLike,
  registry: OpRegistry,
  sizes: Sizes,
  schedules: Schedules = noSchedules,
): FusionReport {
  const kinds = { graph: graphKind, registry: registryKind, sizes: is.sizes, schedules: schedulesKind };
  checkArguments('reportFusion', kinds, [given, registry, sizes, schedules]);
  const graph = irOf(given);
  const without = (disable: readonly string[]): ProgramReport =>
    reportProgram(optimiseAndLower(graph, registry, schedules, { disable }).program, registry, sizes);
  const [fused, unfused] = [without([]), without(fusingPasses)];
  return { fused, unfused, peakShare: fused.peakBytes / Math.max(1, unfused.unsharedBytes) };
}

/** A report as a few lines of text, each figure beside that of the unfused graph. */
export function printFusion(report: FusionReport): string {
  checkArguments('printFusion', { report: reportKind }, [report]);
  const { fused, unfused, peakShare } = report;
  const bytes = (count: number): string => `${(count / 2 ** 20).toFixed(1)} MiB`;
  const line = (what: string, show: (figures: ProgramReport) => string): string =>
    `${what.padEnd(18)} ${show(fused).padStart(12)}   unfused ${show(unfused).padStart(12)}`;
  return [
    line('launches', ({ launches }) => String(launches)),
    line('kernels', ({ kernels }) => String(kernels)),
    line('work', ({ flops }) => `${(flops / 1e9).toFixed(2)} GFLOP`),
    line('bytes moved', ({ bytesMoved }) => bytes(bytesMoved)),
    line('peak memory', ({ peakBytes }) => bytes(peakBytes)),
    line('side by side', ({ unsharedBytes }) => bytes(unsharedBytes)),
    `planned peak is ${(100 * peakShare).toFixed(0)} % of all intermediates of the unfused graph`,
  ].join('\n');
}

const WORD = 4;

/** Floating-point operations of a node, and the bytes of its operands and results, each once. */
export function costOf(graph: Graph, node: Node, registry: OpRegistry, sizes: Sizes) {
  const context = contextOf(graph, node);
  const cost = registry.get(node.op)?.cost?.(context);
  if (cost !== undefined) return { flops: evaluate(cost.flops, sizes), bytes: evaluate(cost.bytes, sizes) };
  const types = [...context.inputs, ...context.outputs];
  return { flops: 0, bytes: types.reduce((sum, type) => sum + WORD * elementsOf(type, sizes), 0) };
}

export function reportProgram(program: LoweredProgram, registry: OpRegistry, sizes: Sizes): ProgramReport {
  const kinds = { program: programKind, registry: registryKind, sizes: is.sizes };
  checkArguments('reportProgram', kinds, [program, registry, sizes]);
  requireNames(program.graph, sizes);
  const plan = planProgram(program, sizes);
  const launches = program.nodes
    .flatMap((node) => node.launches)
    .filter((launch) => !gridOf(launch, sizes).includes(0));
  const costs = program.nodes.map(({ node }) => costOf(program.graph, node, registry, sizes));
  return {
    launches: launches.length,
    kernels: new Set(launches.map((launch) => launch.kernel)).size,
    flops: costs.reduce((sum, { flops }) => sum + flops, 0),
    bytesMoved: costs.reduce((sum, { bytes }) => sum + bytes, 0),
    peakBytes: plan.words * WORD,
    unsharedBytes: plan.unshared * WORD,
  };
}
