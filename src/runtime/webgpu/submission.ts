import type { LaunchTime } from '../device.ts';
import { readBack, USAGE } from './memory.ts';
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
      encodePass(encoder, launches);
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
    const owned: { destroy(): void }[] = [];
    const encode = (encoder: GPUCommandEncoder, staging: GPUBuffer): void => {
      const querySet = device.createQuerySet({ type: 'timestamp', count });
      const results = device.createBuffer({ size, usage: USAGE.queryResolve | USAGE.copySource });
      owned.push(querySet, results);
      launches.forEach((launch, i) => {
        const [beginningOfPassWriteIndex, endOfPassWriteIndex] = [2 * i, 2 * i + 1];
        encodePass(encoder, [launch], {
          timestampWrites: { querySet, beginningOfPassWriteIndex, endOfPassWriteIndex },
        });
      });
      encoder.resolveQuerySet(querySet, 0, count, results, 0);
      encoder.copyBufferToBuffer(results, 0, staging, 0, size);
    };
    const times = (bytes: ArrayBuffer): LaunchTime[] => {
      const stamps = new BigUint64Array(bytes);
      return launches.map(({ kernel, variant }, i) => {
        const [begin = 0n, end = 0n] = stamps.subarray(2 * i, 2 * i + 2);
        // clocks of some drivers run back between passes
        return { kernel, variant, milliseconds: end > begin ? Number(end - begin) / 1e6 : 0 };
      });
    };
    try {
      return await readBack(this.#owner, 'a profile', size, encode, times);
    } finally {
      for (const one of owned) one.destroy();
    }
  }
}

function encodePass(
  encoder: GPUCommandEncoder,
  launches: readonly GpuLaunch[],
  descriptor?: GPUComputePassDescriptor,
): void {
  const pass = encoder.beginComputePass(descriptor);
  let last: GPUComputePipeline | undefined;
  for (const { pipeline, group, size } of launches) {
    if (pipeline !== last) pass.setPipeline(pipeline);
    last = pipeline;
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(...size);
  }
  pass.end();
}
