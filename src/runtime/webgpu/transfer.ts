import type { TypedArray } from '../../base/dtype.ts';
import { halfBits, halfValue } from '../../base/half.ts';
import type { Location } from '../device.ts';
import { alignBytes, type GpuRange, rangeOf, readBack } from './memory.ts';
import type { GpuOwner } from './owner.ts';

/** Arrays in which elements lie as on the GPU; of f16 the bits. */
const ARRAYS = { f32: Float32Array, i32: Int32Array, u32: Uint32Array, bool: Uint32Array, f16: Uint16Array };

function packed({ dtype }: Location, data: ArrayLike<number>): ArrayBufferView<ArrayBuffer> {
  if (dtype === 'f16') {
    const halves = new Uint16Array(alignBytes(data.length, 2));
    halves.set(Uint16Array.from(data, halfBits));
    return halves;
  }
  // the queue copies before it returns: arrays of the right type need no copy of ours
  const Wanted = ARRAYS[dtype];
  return (data instanceof Wanted ? data : Wanted.from(data)) as ArrayBufferView<ArrayBuffer>;
}

function unpacked({ dtype, length }: Location, bytes: ArrayBuffer, offset: number): TypedArray {
  if (dtype === 'f16') return Float32Array.from(new Uint16Array(bytes, offset, length), halfValue);
  return new ARRAYS[dtype](bytes, offset, length).slice();
}

/** A staging buffer takes more than this only for a tensor that is larger by itself. */
const STAGING_BYTES = 128 * 2 ** 20;

interface ReadRequest {
  readonly location: Location;
  readonly range: GpuRange;
  resolve(values: TypedArray): void;
  reject(error: unknown): void;
}

/** Requests that travel together: as many as a staging buffer of moderate size holds. */
function shared(requests: readonly ReadRequest[]): ReadRequest[][] {
  const lists: ReadRequest[][] = [];
  let left = -1;
  for (const request of requests) {
    const bytes = alignBytes(request.range.bytes, 4);
    if (bytes > left) {
      lists.push([]);
      left = STAGING_BYTES;
    }
    lists.at(-1)?.push(request);
    left -= bytes;
  }
  return lists;
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
    for (const together of shared(requests)) {
      this.#send(together).catch((cause: unknown) => {
        for (const { reject } of together) reject(cause);
      });
    }
  }

  #send(requests: readonly ReadRequest[]): Promise<void> {
    let size = 0;
    const places = requests.map((request) => {
      const place = { ...request, at: size, bytes: alignBytes(request.range.bytes, 4) };
      size += Math.max(4, place.bytes);
      return place;
    });
    return readBack(
      this.#owner,
      `a copy of ${size} bytes to the host`,
      size,
      (encoder, staging) => {
        for (const { range, at, bytes } of places)
          if (bytes > 0) encoder.copyBufferToBuffer(range.buffer, range.offset, staging, at, bytes);
      },
      (mapped) => {
        for (const { location, at, resolve } of places) resolve(unpacked(location, mapped, at));
      },
    );
  }
}
