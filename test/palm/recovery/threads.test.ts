import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { platform } from '../../../src/platform/node/index.ts';
import { wasmDevice } from '../../../src/runtime/wasm/device.ts';
import { CONTROL } from '../../../src/runtime/wasm/follow.ts';
import { temporaryFolder } from '../../store/support/bundle.ts';
import { curve, type Outcome, trained } from './support/trained.ts';

const folder = temporaryFolder();
afterEach(() => vi.restoreAllMocks());
afterAll(() => folder.remove());
let count = 0;
const fresh = (): string => join(folder.path, `run-${count++}`);

type Moment = 'begin' | 'end';

/** A thread that ends by itself when it begins the list of launches number `list`, or has done its part of it. */
const ending = (source: string, list: number, moment: Moment): string => {
  const [call, word] = moment === 'begin' ? ['load', CONTROL.list] : ['sub', CONTROL.left];
  return `(port) => {
    const original = Atomics.${call};
    let lists = 0;
    Atomics.${call} = (array, index, ...given) => {
      if (array.length === ${CONTROL.words} && index === ${word} && ++lists === ${list}) process.exit(3);
      return original(array, index, ...given);
    };
    (${source})(port);
  }`;
};

/** Of the devices that are opened the first so many lose their second thread. @returns the sources started so far */
function losing(devices: number, list: number, moment: Moment): readonly string[] {
  const { spawnWorker } = platform;
  const started: string[] = [];
  vi.spyOn(platform, 'spawnWorker').mockImplementation((source, name, events) => {
    const dies = started.length < 2 * devices && started.length % 2 === 1;
    started.push(name);
    return spawnWorker(dies ? ending(source, list, moment) : source, name, events);
  });
  return started;
}

const recoveries = ({ events }: Outcome) => events.filter(({ type }) => type === 'recovery');
const reason = 'the wasm device was lost: thread 1 ended: it exited with code 3';

it('a device without threads cannot be lost, so that nothing is copied for it', () => {
  expect(wasmDevice({ threads: 1 })).not.toHaveProperty('reopen');
  expect(wasmDevice({ threads: 2 })).toHaveProperty('reopen');
});

describe('a thread that ends in the middle of a run', () => {
  let whole: Outcome;
  beforeAll(async () => {
    whole = await trained(wasmDevice({ threads: 2 }), fresh());
    expect(recoveries(whole)).toEqual([]);
  });

  // six steps, an evaluation, twice; then a prediction
  it.each([
    [1, 'begin', 1e9],
    [3, 'end', 0],
    [4, 'begin', 0],
    [9, 'begin', 1e9],
    [7, 'end', 1e9],
    [14, 'end', 0],
    [15, 'begin', 0],
  ] as const)(
    'at list %i, its %s, leaves the same curve, bytes and answers',
    async (list, moment, snapshotEvery) => {
      const started = losing(1, list, moment);
      const after = await trained(wasmDevice({ threads: 2 }), fresh(), { snapshotEvery });
      expect(started).toHaveLength(4);
      expect(curve(after.events)).toEqual(curve(whole.events));
      expect(after.files).toEqual(whole.files);
      expect(after.predictions).toEqual(whole.predictions);
      // a prediction after the run tells nobody
      expect(recoveries(after)).toMatchObject(list === 15 ? [] : [{ losses: 1, reason }]);
    },
  );

  it('on one device after the other ends the run', async () => {
    const started = losing(9, 4, 'begin');
    await expect(trained(wasmDevice({ threads: 2 }), fresh(), { snapshotEvery: 1e9 })).rejects.toThrow(
      /FROND-T011.*thread 1 ended: it exited with code 3, 3 times at step/s,
    );
    expect(started).toHaveLength(6);
  });
});
