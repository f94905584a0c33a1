import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defined } from '../../src/base/errors.ts';
import type { Device } from '../../src/runtime/device.ts';
import { runs } from '../support/counts.ts';
import { NO_ADAPTER } from '../support/gpu.ts';
import { type Case, faultOf } from './agree.ts';
import { type Subject, subjects } from './devices.ts';

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

/** Cases by the name of the test that judges them. */
export type Groups = ReadonlyMap<string, readonly Case[]>;

/** One test per group and device: all runs of all cases agree with the oracle. */
export function expectAgreement(groups: Groups): void {
  onEveryDevice((device, { gpu }) => {
    it.for([...groups.keys()])('%s', async (name, { skip }) => {
      const opened = device();
      if (opened === undefined) return skip(NO_ADAPTER);
      const chosen = defined(groups.get(name), name).filter(
        ({ long = false }) => !(gpu && long) || runs(1, 0) === 1,
      );
      for (const one of chosen) {
        const fault = await faultOf(opened, one, gpu);
        if (fault !== undefined) expect.fail(fault);
      }
    });
  });
}
