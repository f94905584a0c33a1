import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../../src/runtime/device.ts';
import { runs } from '../../support/counts.ts';
import { NO_ADAPTER } from '../../support/gpu.ts';
import { type Case, faultOf } from './agree.ts';
import { type Subject, subjects } from './devices.ts';

/** Runs `check` for every device, opened once for all of its tests; where this machine has none, that is said. */
export function onEveryDevice(check: (device: () => Device | undefined, subject: Subject) => void): void {
  describe.each(subjects.filter(({ threads = 1 }) => threads === 1 || runs(1, 0) === 1))(
    '$name',
    (subject) => {
      let device: Device | undefined;
      beforeAll(async () => {
        device = await subject.open();
        if (device === undefined) console.log(`${subject.name}: ${NO_ADAPTER}`);
      });
      afterAll(async () => device?.close());
      check(() => device, subject);
    },
  );
}

/** Cases by the name of the test that judges them. */
export type Groups = ReadonlyMap<string, readonly Case[]>;

/** One test per group and device: all runs of all cases agree with the oracle. */
export function expectAgreement(groups: Groups): void {
  onEveryDevice((device, { gpu }) => {
    const onGpu = ({ long = false, processorOnly = false }: Case) =>
      !processorOnly && (!long || runs(1, 0) === 1);
    const all = [...groups].map(([name, cases]) => ({ name, cases: gpu ? cases.filter(onGpu) : cases }));
    const chosen = all.filter(({ cases }) => cases.length > 0);
    if (chosen.length === 0) it.skip('in the long suite');
    it.for(chosen)('$name', async ({ cases }, { skip }) => {
      const opened = device();
      if (opened === undefined) return skip(NO_ADAPTER);
      for (const one of cases) {
        const fault = await faultOf(opened, one, gpu);
        if (fault !== undefined) expect.fail(fault);
      }
    });
  });
}
