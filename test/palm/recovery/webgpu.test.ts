import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { create, globals } from 'webgpu';
import { permutation } from '../../../src/base/random.ts';
import type { Device, palm } from '../../../src/index.ts';
import { webgpuDevice } from '../../../src/runtime/webgpu/webgpuDevice.ts';
import { temporaryFolder } from '../../store/support/bundle.ts';
import { runs } from '../../support/counts.ts';
import { NO_ADAPTER } from '../../support/gpu.ts';
import { regression, STEPS } from './support/regression.ts';
import { curve, filesOf } from './support/trained.ts';

const folder = temporaryFolder();
afterAll(() => {
  vi.restoreAllMocks();
  folder.remove();
});
let count = 0;
const fresh = (): string => join(folder.path, `run-${count++}`);

type Kind = 'allocate' | 'write' | 'read' | 'prepare' | 'bind' | 'run';
/** A destruction in the middle of call `at`, counted over all devices: before it is made, or as soon as it was. */
interface Plan {
  readonly at: number;
  readonly after: boolean;
}

/** What a device was asked for, and how long an answer took after the device was destroyed. */
interface Log {
  readonly calls: Kind[];
  destroyed: boolean;
  longestWait: number;
}

let gpu: GPU | undefined;
beforeAll(async () => {
  // so that the order of calls does not depend on how fast this machine is
  vi.spyOn(performance, 'now').mockReturnValue(0);
  Object.assign(globalThis, globals);
  const entry = create([]);
  if ((await entry.requestAdapter()) !== null) gpu = entry;
  else console.log(NO_ADAPTER);
});

/** A GPU that is really destroyed at one call. */
async function fragile(entry: GPU, log: Log, plan: Plan | undefined): Promise<Device> {
  let destroy = (): void => undefined;
  const inner = await webgpuDevice({ gpu: entry, onDevice: (device) => (destroy = () => device.destroy()) });
  const call = async <T>(kind: Kind, work: () => T | Promise<T>): Promise<T> => {
    const here = log.calls.push(kind) - 1 === plan?.at;
    const strike = (): void => {
      if (here) destroy();
      log.destroyed ||= here;
    };
    if (plan?.after === false) strike();
    const begin = performance.now();
    const result = work();
    if (plan?.after === true) strike();
    try {
      return await result;
    } finally {
      if (here) log.longestWait = performance.now() - begin;
    }
  };
  return {
    ...inner,
    allocate: (words) => call('allocate', () => inner.allocate(words)),
    write: (location, data) => call('write', () => inner.write(location, data)),
    read: (location) => call('read', () => inner.read(location)),
    prepare: (launches) => call('prepare', () => inner.prepare(launches)),
    bind: async (commands) => {
      const program = await call('bind', () => inner.bind(commands));
      return { run: () => call('run', () => program.run()) };
    },
    reopen: () => fragile(entry, log, plan),
  };
}

/** A whole run of the smallest model, with evaluations, copies, checkpoints, the best weights, and answers at the end. */
async function train(entry: GPU, plan?: Plan) {
  const log: Log = { calls: [], destroyed: false, longestWait: 0 };
  const run = fresh();
  const trainer = regression(await fragile(entry, log, plan));
  const events: palm.TrainingEvent[] = [];
  await trainer.train({
    printEvery: 3,
    saveTo: run,
    snapshotEvery: 0,
    best: ({ plane }) => Number((plane as { squaredError: number }).squaredError),
    on: (event) => events.push(event),
  });
  const answers = await trainer.predict([{ features: [1, 2, 3, 4], target: 0 }]);
  await trainer.close();
  return { events, answers, files: filesOf(run), log };
}

describe('a GPU', () => {
  let whole: Awaited<ReturnType<typeof train>> | undefined;
  beforeAll(async () => {
    if (gpu !== undefined) whole = await train(gpu);
  });

  /** So many points, of each kind at least what `least` says. */
  const points = (calls: readonly Kind[], total: number, least: Partial<Record<Kind, number>>): number[] => {
    const shuffled = [...permutation(calls.length, 5, 'points')];
    const wanted = (Object.keys(least) as Kind[]).flatMap((kind) =>
      shuffled.filter((at) => calls[at] === kind).slice(0, least[kind]),
    );
    return [...new Set([...wanted, ...shuffled])].slice(0, total);
  };

  it('that is destroyed at points of a run leaves the same curve, bytes and answers', async ({ skip }) => {
    if (gpu === undefined || whole === undefined) return skip(NO_ADAPTER);
    const { calls } = whole.log;
    expect(whole.events.filter(({ type }) => type === 'step')).toHaveLength(STEPS / 3);
    const least =
      runs(1, 0) === 1 ? { prepare: 2, run: 14, read: 12, bind: 2 } : { prepare: 1, run: 1, read: 2 };
    const chosen = points(calls, runs(50, 4), least);
    for (const [i, at] of chosen.entries()) {
      const plan = { at, after: i % 2 === 0 };
      const { events, answers, files, log } = await train(gpu, plan);
      const where = `destroyed ${plan.after ? 'during' : 'before'} ${calls[at]} ${at}`;
      expect(log.destroyed, where).toBe(true);
      expect(curve(events), where).toEqual(curve(whole.events));
      expect(files, where).toEqual(whole.files);
      expect(answers, where).toEqual(whole.answers);
      // a call that hangs would never have come here; this one was answered while somebody could still wait for it
      expect(log.longestWait, where).toBeLessThan(5000);
    }
  });
});
