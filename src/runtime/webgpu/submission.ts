import type { LaunchTime } from '../device.ts';
import { MAP_READ, USAGE } from './flags.ts';
import type { GpuOwner } from './owner.ts';
import type { GpuLaunch } from './program.ts';

/** Submissions that may be under way: the host prepares the next while the GPU works on these. */
const IN_FLIGHT = 2;

/** Timestamps that one query set holds on every adapter. */
const QUERIES = 4096;
const TIMESTAMP_BYTES = 8;

/** Sends command lists to the GPU, each whole in one command buffer. */
export class Submissions {
  readonly #owner: GpuOwner;
  readonly #inFlight: Promise<unknown>[] = [];

  constructor(owner: GpuOwner) {
    this.#owner = owner;
  }

  /** Settles when the submission is made, unless too many are under way. */
  async run(launches: readonly GpuLaunch[]): Promise<void> {
    const { device } = this.#owner;
    await this.#owner.scoped('a step', () => {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      encodeLaunches(pass, launches);
      pass.end();
      device.queue.submit([encoder.finish()]);
    });
    this.#inFlight.push(device.queue.onSubmittedWorkDone().catch(() => undefined));
    const oldest = this.#inFlight.length > IN_FLIGHT ? this.#inFlight.shift() : undefined;
    if (oldest !== undefined) await this.#owner.guard('a step', oldest);
  }

  /** Runs once, each launch in a pass of its own with a timestamp at either end; the device must have `timestamp-query`. */
  async profile(launches: readonly GpuLaunch[]): Promise<LaunchTime[]> {
    const times: LaunchTime[] = [];
    const most = QUERIES / 2;
    for (let from = 0; from < launches.length; from += most) {
      times.push(...(await this.#timed(launches.slice(from, from + most))));
    }
    return times;
  }

  async #timed(launches: readonly GpuLaunch[]): Promise<LaunchTime[]> {
    const { device } = this.#owner;
    const count = 2 * launches.length;
    const size = count * TIMESTAMP_BYTES;
    const { staging, owned } = await this.#owner.scoped('a profile', () => {
      const querySet = device.createQuerySet({ type: 'timestamp', count });
      const results = device.createBuffer({ size, usage: USAGE.queryResolve | USAGE.copySource });
      const staging = device.createBuffer({ size, usage: USAGE.mapRead | USAGE.copyTarget });
      const encoder = device.createCommandEncoder();
      launches.forEach((launch, i) => {
        const timestampWrites = {
          ...{ querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 },
        };
        const pass = encoder.beginComputePass({ timestampWrites });
        encodeLaunches(pass, [launch]);
        pass.end();
      });
      encoder.resolveQuerySet(querySet, 0, count, results, 0);
      encoder.copyBufferToBuffer(results, 0, staging, 0, size);
      device.queue.submit([encoder.finish()]);
      return { staging, owned: [querySet, results, staging] };
    });
    try {
      await this.#owner.guard('a profile', staging.mapAsync(MAP_READ));
      const stamps = new BigUint64Array(staging.getMappedRange());
      return launches.map(({ kernel, variant }, i) => {
        const [begin = 0n, end = 0n] = stamps.subarray(2 * i, 2 * i + 2);
        // clocks of some drivers run back between passes
        return { kernel, variant, milliseconds: end > begin ? Number(end - begin) / 1e6 : 0 };
      });
    } finally {
      for (const one of owned) one.destroy();
    }
  }
}

function encodeLaunches(pass: GPUComputePassEncoder, launches: readonly GpuLaunch[]): void {
  let last: GPUComputePipeline | undefined;
  for (const { pipeline, group, size } of launches) {
    if (pipeline !== last) pass.setPipeline(pipeline);
    last = pipeline;
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(...size);
  }
}
