import { allocate, isFloating, type TypedArray } from '../../base/dtype.ts';
import { halfBits, halfValue } from '../../base/half.ts';
import type { Location } from '../device.ts';
import { alignBytes, MAP_READ, USAGE } from './flags.ts';

import { type GpuRange, rangeOf } from './memory.ts';
import type { GpuOwner } from './owner.ts';

type Plain = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** Numbers in the form in which they lie on the GPU. */
function packed({ dtype }: Location, data: ArrayLike<number>): Plain | Uint16Array<ArrayBuffer> {
  if (dtype === 'f16') {
    const halves = new Uint16Array(alignBytes(data.length, 2));
    for (let i = 0; i < data.length; i++) halves[i] = halfBits(data[i] as number);
    return halves;
  }
  // the queue copies before it returns: arrays of the right type need no copy of ours
  const Wanted = isFloating(dtype) ? Float32Array : dtype === 'i32' ? Int32Array : Uint32Array;
  return data instanceof Wanted ? (data as Plain) : Wanted.from(data);
}

function unpacked({ dtype, length }: Location, bytes: ArrayBuffer, offset: number): TypedArray {
  const values = allocate(dtype, length);
  if (dtype === 'f16') {
    const halves = new Uint16Array(bytes, offset, length);
    halves.forEach((half, i) => {
      values[i] = halfValue(half);
    });
  } else if (isFloating(dtype)) values.set(new Float32Array(bytes, offset, length));
  else if (dtype === 'i32') values.set(new Int32Array(bytes, offset, length));
  else values.set(new Uint32Array(bytes, offset, length));
  return values;
}

/** A staging buffer takes more than this only for a tensor that is larger by itself. */
const STAGING_BYTES = 128 * 2 ** 20;

interface ReadRequest {
  readonly location: Location;
  readonly range: GpuRange;
  resolve(values: TypedArray): void;
  reject(error: unknown): void;
}

/**
 * Copies between host and GPU. Writes are staged by the queue, so that none waits for the step before; reads asked for at one time
 * travel in one submission through one staging buffer, or a few where they are large.
 */
export class Transfer {
  readonly #owner: GpuOwner;
  #reads: ReadRequest[] = [];

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
    const requests = this.#reads;
    if (requests.length === 0) return;
    this.#reads = [];
    for (const group of this.#groups(requests)) {
      this.#send(group).catch((cause: unknown) => {
        for (const { reject } of group) reject(cause);
      });
    }
  }

  /** Requests that travel together: as many as a staging buffer of moderate size holds. */
  #groups(requests: readonly ReadRequest[]): ReadRequest[][] {
    const groups: ReadRequest[][] = [];
    let left = 0;
    for (const request of requests) {
      if (request.range.bytes > left || groups.length === 0) {
        groups.push([]);
        left = STAGING_BYTES;
      }
      groups.at(-1)?.push(request);
      left -= alignBytes(request.range.bytes, 4);
    }
    return groups;
  }

  async #send(requests: readonly ReadRequest[]): Promise<void> {
    const { device } = this.#owner;
    let size = 0;
    const places = requests.map(({ range }) => {
      const at = size;
      size += Math.max(4, alignBytes(range.bytes, 4));
      return at;
    });
    const staging = await this.#owner.scoped(`a copy of ${size} bytes to the host`, () => {
      const buffer = device.createBuffer({ size, usage: USAGE.mapRead | USAGE.copyTarget });
      const encoder = device.createCommandEncoder();
      requests.forEach(({ range }, i) => {
        const bytes = alignBytes(range.bytes, 4);
        if (bytes > 0)
          encoder.copyBufferToBuffer(range.buffer, range.offset, buffer, places[i] as number, bytes);
      });
      device.queue.submit([encoder.finish()]);
      return buffer;
    });
    try {
      await this.#owner.guard(`a copy of ${size} bytes to the host`, staging.mapAsync(MAP_READ));
      // numbers of a lost or failing device are none
      this.#owner.check();
      const bytes = staging.getMappedRange();
      requests.forEach(({ location, resolve }, i) => {
        resolve(unpacked(location, bytes, places[i] as number));
      });
      staging.unmap();
    } finally {
      staging.destroy();
    }
  }
}
