import { isFloating } from '../../../src/base/dtype.ts';
import { defined, FrondError } from '../../../src/base/errors.ts';
import type { Graph } from '../../../src/ir/graph.ts';
import { compile } from '../../../src/runtime/compile.ts';
import type { Device } from '../../../src/runtime/device.ts';
import type { Executable } from '../../../src/runtime/executable.ts';
import type { Feeds, TensorValue } from '../../../src/runtime/feeds.ts';
import { openOracle } from './devices.ts';

/** What a graph is fed with once. */
export interface Run {
  readonly name: string;
  readonly feeds: Feeds;
  readonly tolerance?: Tolerance;
  /** the same with subnormals as zeros, which a GPU may take them for */
  readonly flushed?: Feeds;
  /** holds infinities or NaN, which WGSL may assume not to be there */
  readonly nonFinite?: boolean;
}

/** A graph with all of its runs: compiled once, however long the batches are. */
export interface Case {
  readonly name: string;
  readonly graph: Graph;
  readonly runs: readonly Run[];
  /** on a GPU only in the long suite: software Vulkan needs most of a second for a kernel with barriers */
  readonly long?: boolean;
  /** never on a GPU: one of many texts that differ in a number */
  readonly processorOnly?: boolean;
}

export type Outputs = Readonly<Record<string, TensorValue>>;
/** What one run gave, or the code of the error with which it was refused. */
export type Outcome = Outputs | string;

async function outcomeOf(executable: Executable, feeds: Feeds): Promise<Outcome> {
  try {
    return await executable.run(feeds);
  } catch (error) {
    if (error instanceof FrondError && !error.code.startsWith('FROND-X')) return error.code;
    throw error;
  }
}

/** What each of several feeds gives on a device. */
export async function outcomesOn(device: Device, graph: Graph, feeds: readonly Feeds[]): Promise<Outcome[]> {
  const { executable } = await compile(graph, { device });
  const outcomes: Outcome[] = [];
  for (const fed of feeds) outcomes.push(await outcomeOf(executable, fed));
  await executable.free();
  return outcomes;
}

/** How far f32 may be from f64. What is not floating must be equal. */
export interface Tolerance {
  readonly absolute: number;
  /** of the element */
  readonly relative: number;
  /** of the largest element of the tensor: for long sums, whose terms cancel in some elements and not in others */
  readonly normwise?: number;
}

/** The pair of PyTorch's own comparison for f32 (`torch/testing/_comparison.py`). */
export const CLOSE: Tolerance = { absolute: 1e-5, relative: 1.3e-6 };
/** Sums over a thousand terms and more: 1e-5 · max(1, largest). */
export const LONG_SUMS: Tolerance = { absolute: 1e-5, relative: 0, normwise: 1e-5 };

const LARGEST = 3.4028234663852886e38;

/**
 * Whether an f32 result stands for `exact`. What is beyond all f32 numbers is not
 * finite; on a GPU it may be anything, and so may what has no value, such as the logarithm of −1.
 */
export function agrees(got: number, exact: number, allowed: number, gpu: boolean): boolean {
  if (Object.is(got, exact)) return true;
  const overflows = Math.abs(exact) > LARGEST && !Number.isFinite(Math.fround(exact));
  if (gpu && (overflows || !Number.isFinite(exact))) return true;
  if (overflows) return !Number.isFinite(got);
  return Math.abs(got - exact) <= allowed;
}

/** The first element that a device got wrong, in words; undefined where there is none. */
export function firstFault(
  got: Outcome,
  exact: Outcome,
  { absolute, relative, normwise = 0 }: Tolerance,
  gpu: boolean,
): string | undefined {
  if (typeof got === 'string' || typeof exact === 'string') {
    return got === exact ? undefined : `${outcomeText(got)}, the oracle ${outcomeText(exact)}`;
  }
  for (const [name, wanted] of Object.entries(exact)) {
    const found = defined(got[name], name);
    if (found.shape.join() !== wanted.shape.join())
      return `${name} is [${found.shape}], not [${wanted.shape}]`;
    const floating = isFloating(wanted.dtype);
    const values = Array.from(wanted.data);
    const largest = values.reduce((most, x) => (Number.isFinite(x) ? Math.max(most, Math.abs(x)) : most), 0);
    const least = floating ? absolute + normwise * largest : 0;
    const at = values.findIndex((x, i) => {
      const allowed = least + (floating ? relative * Math.abs(x) : 0);
      return !agrees(found.data[i] as number, x, allowed, gpu);
    });
    if (at >= 0) return `${name}[${at}] is ${found.data[at]}, exactly ${wanted.data[at]}`;
  }
  return undefined;
}

const outcomeText = (outcome: Outcome): string => (typeof outcome === 'string' ? outcome : 'gave results');

interface Exact {
  readonly plain: Outcome;
  /** of the run with subnormals as zeros */
  readonly flushed: Outcome | undefined;
}

const oracle = openOracle();
const known = new Map<Case, Promise<Exact[]>>();

async function computeExact({ graph, runs }: Case): Promise<Exact[]> {
  const plain = await outcomesOn(oracle, graph, runs.map(({ feeds }) => feeds)); // biome-ignore format: as below
  const flushed = await outcomesOn(
    oracle,
    graph,
    runs.flatMap((run) => (run.flushed === undefined ? [] : [run.flushed])),
  );
  return runs.map((run, i) => ({
    plain: defined(plain[i], 'outcome'),
    flushed: run.flushed === undefined ? undefined : flushed.shift(),
  }));
}

/** What the oracle gives, computed once for all devices. */
export function exactOf(one: Case): Promise<Exact[]> {
  const exact = known.get(one) ?? computeExact(one);
  known.set(one, exact);
  return exact;
}

/** What is wrong with what a device gives for a case; undefined where all runs agree with the oracle. */
export async function faultOf(device: Device, one: Case, gpu: boolean): Promise<string | undefined> {
  const exact = await exactOf(one);
  const indices = [...one.runs.keys()].filter((i) => !(gpu && one.runs[i]?.nonFinite));
  const feeds = indices.map((i) => defined(one.runs[i], 'run').feeds);
  const got = await outcomesOn(device, one.graph, feeds);
  for (const [at, i] of indices.entries()) {
    const { name, tolerance = CLOSE, flushed } = defined(one.runs[i], 'run');
    const wanted = defined(exact[i], 'exact outcome');
    const found = defined(got[at], 'outcome');
    const fault = firstFault(found, wanted.plain, tolerance, gpu);
    const excused = gpu && flushed !== undefined && wanted.flushed !== undefined;
    if (fault === undefined) continue;
    if (excused && firstFault(found, defined(wanted.flushed, 'flushed'), tolerance, gpu) === undefined)
      continue;
    return `${one.name}, ${name}: ${fault}`;
  }
  return undefined;
}
