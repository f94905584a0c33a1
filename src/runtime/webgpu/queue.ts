import type { TypedArray } from '../../base/dtype.ts';
import { halfBits, loadStored, STORED } from '../../base/half.ts';
import type { LaunchTime, Location } from '../device.ts';
import { alignBytes, type GpuRange, rangeOf, readBack, USAGE } from './memory.ts';
import type { GpuOwner } from './owner.ts';
import type { GpuLaunch } from './program.ts';

/** Submissions that may be under way: the host prepares the next while the GPU works on these. */
const IN_FLIGHT = 2;

/** Timestamps that one query set holds on every adapter. */
const QUERIES = 4096;
const TIMESTAMP_BYTES = 8;

function packed({ dtype }: Location, data: ArrayLike<number>): ArrayBufferView<ArrayBuffer> {
  if (dtype === 'f16') {
    const halves = new Uint16Array(alignBytes(data.length, 2));
    halves.set(Uint16Array.from(data, halfBits));
    return halves;
  }
  // the queue copies before it returns: arrays of the right type need no copy of ours
  const Wanted = STORED[dtype];
  return (data instanceof Wanted ? data : Wanted.from(data)) as ArrayBufferView<ArrayBuffer>;
}

/** A staging buffer takes more than this only for a tensor that is larger by itself. */
const STAGING_BYTES = 128 * 2 ** 20;

interface ReadRequest {
  readonly location: Location;
  readonly range: GpuRange;
  resolve(values: TypedArray): void;
  reject(error: unknown): void;
}

/** Requests that travel together, each with its place in their staging buffer of `size` bytes. */
interface Batch {
  size: number;
  readonly requests: (ReadRequest & { readonly at: number })[];
}

function batchesOf(requests: readonly ReadRequest[]): Batch[] {
  const batches: Batch[] = [];
  for (const request of requests) {
    const bytes = Math.max(4, alignBytes(request.range.bytes, 4));
    let batch = batches.at(-1);
    if (batch === undefined || batch.size + bytes > STAGING_BYTES) {
      batch = { size: 0, requests: [] };
      batches.push(batch);
    }
    batch.requests.push({ ...request, at: batch.size });
    batch.size += bytes;
  }
  return batches;
}

/**
 * What the GPU is asked to do, in order. Writes are staged by the queue, so that none waits for the step before; reads asked for at one
 * time travel in one submission through one staging buffer, or a few where they are large; a command list is one command buffer.
 */
export class GpuQueue {
  readonly #owner: GpuOwner;
  readonly #reads: ReadRequest[] = [];
  readonly #inFlight: Promise<unknown>[] = [];

  constructor(owner: GpuOwner) {
    this.#owner = owner;
  }

  write(location: Location, data: ArrayLike<number>): void {
    this.#owner.check();
    const range = rangeOf(location, 'what is written');
    this.flush();
    if (data.length === 0) return;
    this.#owner.device.queue.writeBuffer(range.buffer, range.offset, packed(location, data));
  }

  read(location: Location): Promise<TypedArray> {
    return new Promise((resolve, reject) => {
      this.#owner.check();
      const range = rangeOf(location, 'what is read');
      if (this.#reads.length === 0) queueMicrotask(() => this.flush());
      this.#reads.push({ location, range, resolve, reject });
    });
  }

  /** Sends the reads asked for so far, before anything that could change what they see. */
  flush(): void {
    for (const batch of batchesOf(this.#reads.splice(0))) {
      this.#send(batch).catch((cause: unknown) => {
        for (const { reject } of batch.requests) reject(cause);
      });
    }
  }

  #send({ size, requests }: Batch): Promise<void> {
    return readBack(
      this.#owner,
      `a copy of ${size} bytes to the host`,
      size,
      (encoder, staging) => {
        for (const { range, at } of requests) {
          const bytes = alignBytes(range.bytes, 4);
          if (bytes > 0) encoder.copyBufferToBuffer(range.buffer, range.offset, staging, at, bytes);
        }
      },
      (mapped) => {
        for (const { location, at, resolve } of requests)
          resolve(loadStored(location.dtype, mapped, at, location.length));
      },
    );
  }

  /** Settles when the submission is made, unless too many are under way. */
  async run(launches: readonly GpuLaunch[]): Promise<void> {
    this.flush();
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
    this.flush();
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
      return launches.map(({ kernel: { name, variant } }, i) => {
        const [begin = 0n, end = 0n] = stamps.subarray(2 * i, 2 * i + 2);
        // clocks of some drivers run back between passes
        return { kernel: name, variant, milliseconds: end > begin ? Number(end - begin) / 1e6 : 0 };
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
