import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isFloating } from '../../src/base/dtype.ts';
import { defined, FrondError } from '../../src/base/errors.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { compile } from '../../src/runtime/compile.ts';
import type { Device } from '../../src/runtime/device.ts';
import type { Feeds, TensorValue } from '../../src/runtime/feeds.ts';
import { NO_ADAPTER } from '../support/gpu.ts';
import { openOracle, type Subject, subjects } from './devices.ts';

/** A graph and what it is fed, once or several times: a longer batch compiles nothing. */
export interface Case {
  readonly name: string;
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

/**
 * f32 against f64: the pair of PyTorch's own comparison (`torch/testing/_comparison.py`). What is not floating must be equal.
 */
export const ABSOLUTE = 1e-5;
export const RELATIVE = 1.3e-6;

/** Says what is wrong with an element, if anything. */
export type Judge = (got: number, exact: number) => boolean;

export const close: Judge = (got, exact) =>
  Object.is(got, exact) || Math.abs(got - exact) <= ABSOLUTE + RELATIVE * Math.abs(exact);

/** The first element that a device got wrong, in words; undefined where there is none. */
export function firstFault(got: Outcome, exact: Outcome, judge: Judge = close): string | undefined {
  if (typeof got === 'string' || typeof exact === 'string') {
    return got === exact ? undefined : `${outcomeText(got)}, the oracle ${outcomeText(exact)}`;
  }
  for (const [name, wanted] of Object.entries(exact)) {
    const found = defined(got[name], name);
    if (found.shape.join() !== wanted.shape.join())
      return `${name} is [${found.shape}], not [${wanted.shape}]`;
    const exactly: Judge = (a, b) => a === b;
    const right = isFloating(wanted.dtype) ? judge : exactly;
    const at = Array.from(wanted.data).findIndex((value, i) => !right(found.data[i] as number, value));
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
export function expectAgreement(
  cases: readonly Case[] | ((subject: Subject) => readonly Case[]),
  judge: Judge = close,
): void {
  onEveryDevice((device, subject) => {
    const chosen = typeof cases === 'function' ? cases(subject) : cases;
    it.for(chosen)('$name', async (one, { skip }) => {
      const opened = device();
      if (opened === undefined) return skip(NO_ADAPTER);
      const exact = await exactOf(one);
      const got = await runCase(opened, one);
      expect(got.length).toBe(exact.length);
      exact.forEach((wanted, run) => {
        const fault = firstFault(defined(got[run], 'outcome'), wanted, judge);
        const shapes = Object.entries(one.feeds[run] ?? {}).map(([name, { shape }]) => `${name} [${shape}]`);
        if (fault !== undefined) expect.fail(`${fault}\n  fed ${shapes.join(', ')}`);
      });
    });
  });
}
