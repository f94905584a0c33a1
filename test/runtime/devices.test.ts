import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import { defined } from '../../src/base/errors.ts';
import { webAssembly } from '../../src/base/webAssembly.ts';
import { Learner } from '../../src/palm/learner.ts';
import { chooseDevice, openTried } from '../../src/runtime/chooseDevice.ts';
import type { Device, Location } from '../../src/runtime/device.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
import { wasmDevice } from '../../src/runtime/wasm/device.ts';
import { twinSetup } from '../palm/twin/model.ts';
import { messageOf } from '../support/message.ts';
import { trainStep } from '../support/trainStep.ts';

const home = fileURLToPath(new URL('../../examples/data/home', import.meta.url));
const STEPS = 20;

async function train(device: Device): Promise<{ losses: number[]; weights: Float32Array[] }> {
  const learner = await Learner.create(await twinSetup(home), device);
  const losses: number[] = [];
  for (let i = 0; i < STEPS; i++) losses.push((await trainStep(learner)).loss);
  const weights: Float32Array[] = [];
  for (const name of learner.state.layout.entries.keys())
    weights.push(Float32Array.from(await learner.state.read(name)));
  return { losses, weights };
}

describe('devices', () => {
  it('give the same bytes on wasm, whatever the number of threads', async () => {
    const alone = await train(wasmDevice({ threads: 1 }));
    for (const threads of [1, 2, 3, 4]) {
      const device = wasmDevice({ threads });
      expect(device.threads).toBe(threads);
      expect(await train(device)).toEqual(alone);
      await device.close();
    }
  });

  it('are chosen by name, or said to be unknown', async () => {
    expect(await chooseDevice('interpreter')).toMatchObject({
      device: { name: 'interpreter' },
      reason: 'asked for',
    });
    await expect(chooseDevice('tpu')).rejects.toThrowError(
      '[FROND-R021] there is no device tpu\n  hint: choose one of: auto, webgpu, wasm, interpreter',
    );
  });

  it('are chosen by what works: no program that plays a GPU, unless asked for', async () => {
    const wasm = { threads: 2 };
    const found = (adapter: object | null) => ({ gpu: { requestAdapter: async () => adapter } });
    expect(await chooseDevice('auto', { wasm, webgpu: found(null) })).toMatchObject({
      device: { name: 'wasm' },
      reason: 'the fastest device that works here, 2 threads; WebGPU finds no adapter',
    });
    const limits = {};
    const software = { info: { vendor: 'google', description: 'SwiftShader' }, limits, features: new Set() };
    expect(await chooseDevice('auto', { wasm, webgpu: found(software) })).toMatchObject({
      device: { name: 'wasm' },
      reason: 'the fastest device that works here, 2 threads; the only GPU is a program, google SwiftShader',
    });
    const requestDevice = (): Promise<never> => Promise.reject(new Error('busy'));
    const real = { ...software, info: { vendor: 'nvidia', device: 'H200' }, requestDevice };
    expect(await chooseDevice('auto', { wasm, webgpu: found(real) })).toMatchObject({
      device: { name: 'wasm' },
      reason: 'the fastest device that works here, 2 threads; the adapter nvidia H200 gives no device',
    });
    await expect(chooseDevice('webgpu', { webgpu: found(real) })).rejects.toThrowError(
      '[FROND-R020] the adapter nvidia H200 gives no device',
    );
  });
});

describe('auto', () => {
  const noGpu = { gpu: { requestAdapter: async () => null } };

  it('takes the interpreter where wasm gets no memory, or too little, and says so', async () => {
    const engine = defined(webAssembly(), 'WebAssembly');
    const { Memory } = engine;
    const choose = () => chooseDevice('auto', { wasm: { threads: 1 }, webgpu: noGpu });
    const spy = vi.spyOn(engine, 'Memory');
    try {
      spy.mockImplementation(function refuse(): never {
        throw new RangeError('could not allocate memory');
      });
      expect(await choose()).toMatchObject({
        device: { name: 'interpreter' },
        reason:
          'the fastest device that works here; WebGPU finds no adapter; the wasm device cannot have a memory',
      });
      await expect(chooseDevice('wasm')).rejects.toThrowError(
        '[FROND-R001] the wasm device cannot have a memory',
      );
      spy.mockImplementation(function little() {
        return new Memory({ initial: 16, maximum: 32 });
      });
      const { device, reason } = await choose();
      expect(device.name).toBe('interpreter');
      expect(reason).toMatch(/; the wasm device cannot have \d+ bytes of memory beside 1048576$/);
    } finally {
      spy.mockRestore();
    }
  });
});

it('a device that computes something else is not taken', async () => {
  const device = interpreterDevice();
  let closed = false;
  const wrong = {
    ...device,
    read: async (place: Location) => (await device.read(place)).map((value) => value + 1),
    close: async () => {
      closed = true;
    },
  };
  expect(await messageOf(() => openTried(() => wrong))).toBe(
    '[FROND-R035] the device interpreter computes 31 where 30 is right\n  hint: update its driver or the engine, or use another device',
  );
  expect(closed).toBe(true);
});

describe('memory of the wasm device', () => {
  const words = (location: { memory: { words: number } }) => location.memory.words;

  it('comes zeroed, also when it was used before, and blocks never overlap', async () => {
    const device = wasmDevice();
    const place = async (length: number) => ({
      memory: await device.allocate(length),
      offset: 0,
      length,
      dtype: 'f32' as const,
    });
    const [a, b] = [await place(1000), await place(70_000)];
    await device.write(a, new Float32Array(1000).fill(1));
    await device.write(b, new Float32Array(70_000).fill(2));
    expect((await device.read(a)).every((x) => x === 1)).toBe(true);
    device.free(a.memory);
    const c = await place(200);
    const d = await place(500);
    for (const fresh of [c, d]) expect((await device.read(fresh)).every((x) => x === 0)).toBe(true);
    await device.write(c, new Float32Array(words(c)).fill(3));
    await device.write(d, new Float32Array(words(d)).fill(4));
    expect((await device.read(b)).every((x) => x === 2)).toBe(true);
    expect((await device.read(c)).every((x) => x === 3)).toBe(true);
  });

  it('ends at 4 GiB with a typed error', async () => {
    await expect(wasmDevice().allocate(2 ** 30)).rejects.toThrowError(
      /^\[FROND-R001\] the wasm device cannot have \d+ bytes of memory beside \d+\n {2}hint: use a smaller batch/,
    );
  });
});
