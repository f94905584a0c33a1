import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isFloating } from '../../src/base/dtype.ts';
import { defined, FrondError } from '../../src/base/errors.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { compile } from '../../src/runtime/compile.ts';
import type { Device } from '../../src/runtime/device.ts';
import type { Feeds, TensorValue } from '../../src/runtime/feeds.ts';
import { runs } from '../support/counts.ts';
import { NO_ADAPTER } from '../support/gpu.ts';
import { openOracle, type Subject, subjects } from './devices.ts';

/** A graph and what it is fed, once or several times: a longer batch compiles nothing. */
export interface Case {
  readonly name: string;
  /** on a GPU only in the long suite: software Vulkan needs most of a second for a kernel with barriers */
  readonly long?: boolean;
  readonly graph: Graph;
  readonly feeds: readonly Feeds[];
}

export type Outputs = Readonly<Record<string, TensorValue>>;
/** What one run gave, or the code of the error with which it was refused. */
export type Outcome = Outputs | string;

/** All outputs of all runs of a case on a device. */
export async function runCase(device: Device, { graph, feeds }: Case): Promise<Outcome[]> {
  const { executable } = await compile(graph, { device });
  const outcomes: Outcome[] = [];
  for (const fed of feeds) {
    outcomes.push(
      await executable.run(fed).catch((error: unknown) => {
        if (error instanceof FrondError && !error.code.startsWith('FROND-X')) return error.code;
        throw error;
      }),
    );
  }
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

/** Whether an f32 result stands for `exact`. What is beyond all f32 numbers is infinite, or anything on a GPU. */
export function agrees(got: number, exact: number, allowed: number, gpu: boolean): boolean {
  if (Object.is(got, exact)) return true;
  const overflows = Math.abs(exact) > LARGEST && !Number.isFinite(Math.fround(exact));
  if (overflows) return gpu || got === Math.fround(exact);
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
    const largest = values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
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

/** Runs `check` for every device, opened once for all of its tests; where this machine has none, that is said. */
export function onEveryDevice(check: (device: () => Device | undefined, subject: Subject) => void): void {
  describe.each(subjects)('$name', (subject) => {
    let device: Device | undefined;
    beforeAll(async () => {
      device = await subject.open();
      if (device === undefined) console.log(`${subject.name}: ${NO_ADAPTER}`);
    });
    afterAll(async () => device?.close());
    check(() => device, subject);
  });
}

const oracle = openOracle();
const known = new Map<Case, Promise<Outcome[]>>();

/** What the oracle gives, computed once for all devices. */
export function exactOf(subject: Case): Promise<Outcome[]> {
  const exact = known.get(subject) ?? runCase(oracle, subject);
  known.set(subject, exact);
  return exact;
}

/** One test per case and device: all runs agree with the oracle. */
export function expectAgreement(cases: readonly Case[], tolerance: Tolerance = CLOSE): void {
  onEveryDevice((device, { gpu }) => {
    const chosen = cases.filter(({ long = false }) => !(gpu && long) || runs(1, 0) === 1);
    it.for(chosen)('$name', async (one, { skip }) => {
      const opened = device();
      if (opened === undefined) return skip(NO_ADAPTER);
      const exact = await exactOf(one);
      const got = await runCase(opened, one);
      expect(got.length).toBe(exact.length);
      exact.forEach((wanted, run) => {
        const fault = firstFault(defined(got[run], 'outcome'), wanted, tolerance, gpu);
        const shapes = Object.entries(one.feeds[run] ?? {}).map(([name, { shape }]) => `${name} [${shape}]`);
        if (fault !== undefined) expect.fail(`${fault}\n  fed ${shapes.join(', ')}`);
      });
    });
  });
}
