import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/backend/wgsl/index.ts';
import { defined } from '../../src/base/errors.ts';
import { add, f32, graph, mean, mul, tanh } from '../../src/dsl/index.ts';
import { openTried } from '../../src/runtime/chooseDevice.ts';
import { compile } from '../../src/runtime/compile.ts';
import type { Location } from '../../src/runtime/device.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
import { type WebgpuDevice, webgpuDevice } from '../../src/runtime/webgpu/webgpuDevice.ts';
import { NO_ADAPTER } from '../support/gpu.ts';
import { openWebgpu } from '../support/webgpu.ts';
import { f32Value, wave } from './support.ts';
import { classifier, feedsFor, trainedWeights } from './training.ts';

let shared: WebgpuDevice | undefined;
beforeAll(async () => {
  // what every adapter has: kernels with more buffers share bindings
  shared = await openWebgpu({ limits: DEFAULT_LIMITS });
  if (shared === undefined) console.log(NO_ADAPTER);
});
afterAll(() => shared?.close());

/** The device that the tests share, so that kernels are compiled once. */
const gpu = (context: TestContext): WebgpuDevice => shared ?? context.skip(NO_ADAPTER);

const place = async (device: WebgpuDevice, length: number, dtype: Location['dtype'] = 'f32') => ({
  memory: await device.allocate(length),
  offset: 0,
  length,
  dtype,
});

async function train(device: Parameters<typeof classifier>[0], batches: readonly number[]) {
  const { executable, state } = await classifier(device);
  const losses: number[] = [];
  for (const [step, batch] of batches.entries()) {
    const { loss } = await executable.run(feedsFor(step, batch), { read: ['loss'] });
    losses.push(Number(loss?.data[0]));
  }
  const weights = await trainedWeights(state);
  await executable.free();
  state.free();
  return { losses, weights };
}

describe('a training step on the GPU', () => {
  it('gives the losses of the interpreter, compiles nothing for new lengths, and the same bytes twice', async (context) => {
    const device = gpu(context);
    const plain = await train({ device: interpreterDevice() }, [4, 4, 7]);
    const first = await train({ device }, [4, 4, 7]);
    first.losses.forEach((loss, i) => {
      const wanted = defined(plain.losses[i], 'loss');
      expect(Math.abs(loss - wanted) / Math.abs(wanted)).toBeLessThan(1e-4);
    });
    const texts = device.texts();
    const second = await train({ device }, [4, 4, 7, 5, 9]);
    expect(device.texts()).toBe(texts);
    expect(second.losses.slice(0, 3)).toEqual(first.losses);
    expect((await train({ device }, [4, 4, 7])).weights).toBe(first.weights);
  });

  it('is the same step when every launch is timed', async (context) => {
    const device = gpu(context);
    const [timed, plain] = [await classifier({ device }), await classifier({ device })];
    await plain.executable.run(feedsFor(0, 4));
    const times = await timed.executable.profile(feedsFor(0, 4));
    if (!device.adapter.features.includes('timestamp-query')) return expect(times).toBeUndefined();
    const launches = timed.executable.program.nodes.flatMap((step) => step.launches);
    expect(times?.map(({ kernel }) => kernel)).toEqual(launches.map(({ kernel }) => kernel.name));
    expect(times?.every(({ milliseconds }) => Number.isFinite(milliseconds) && milliseconds >= 0)).toBe(true);
    expect(await trainedWeights(timed.state)).toBe(await trainedWeights(plain.state));
  });
});

it('a step is one submission, and so is all that is read at once', async ({ skip }) => {
  if (shared === undefined) return skip(NO_ADAPTER);
  let submissions = 0;
  const device = await webgpuDevice({
    onDevice: (inner) => {
      const { queue } = inner as GPUDevice;
      const submit = queue.submit.bind(queue);
      queue.submit = (buffers) => {
        submissions++;
        return submit(buffers);
      };
    },
  });
  const model = graph('model', (g) => {
    const x = g.input('x', f32, ['batch', 8]);
    const y = tanh(mul(x, x));
    return { y, sum: mean(y), x2: add(x, y) };
  });
  const { executable } = await compile(model.ir, { device });
  const feed = (batch: number) => ({ x: f32Value([batch, 8], wave(8 * batch, batch)) });
  const counts: number[] = [];
  for (const [batch, read] of [
    [3, []],
    [5, []],
    [3, ['y', 'sum', 'x2']],
  ] as const) {
    submissions = 0;
    await executable.run(feed(batch), { read });
    counts.push(submissions);
  }
  expect(counts).toEqual([1, 1, 2]);
  await device.close();
});

describe('memory of the GPU', () => {
  it('comes zeroed, and keeps what was written', async (context) => {
    const device = gpu(context);
    const x = await place(device, 70);
    expect((await device.read(x)).every((value) => value === 0)).toBe(true);
    const part = { ...x, offset: 64, length: 5 };
    await device.write(part, [1, 2, 3, 4, 5]);
    const early = device.read(part);
    await device.write(part, [6, 6, 6, 6, 6]);
    expect(Array.from(await early)).toEqual([1, 2, 3, 4, 5]);
    expect(Array.from(await device.read(x)).slice(62)).toEqual([0, 0, 6, 6, 6, 6, 6, 0]);
    device.free(x.memory);
  });

  it('holds integers and halves', async (context) => {
    const device = gpu(context);
    const numbers = [-1, 0, 3, 65_504, 2 ** -24, 0.1];
    const x = await place(device, 6, 'f16');
    await device.write(x, numbers);
    expect(Array.from(await device.read(x))).toEqual([-1, 0, 3, 65_504, 2 ** -24, 0.0999755859375]);
    await device.write({ ...x, dtype: 'i32', length: 2 }, [-7, 2]);
    expect(Array.from(await device.read({ ...x, dtype: 'i32', length: 2 }))).toEqual([-7, 2]);
  });
});

it('computes what auto tries before it takes a device', async (context) => {
  if (shared === undefined) return context.skip(NO_ADAPTER);
  const device = await openTried(() => webgpuDevice());
  await device.close();
});

it('says what is missing where there is no adapter', async () => {
  await expect(webgpuDevice({ gpu: { requestAdapter: async () => null } })).rejects.toThrow(
    '[FROND-R020] the device webgpu cannot be opened: WebGPU finds no adapter',
  );
});

describe('a GPU that fails', () => {
  it('names the tensor that is larger than a buffer', async (context) => {
    if (shared === undefined) return context.skip(NO_ADAPTER);
    const device = await webgpuDevice({ limits: { bufferBytes: 2 ** 16 } });
    const x = await place(device, 2 ** 15);
    await expect(device.read(x)).rejects.toThrow(
      /^\[FROND-R025\] what is read takes 131072 bytes; one buffer of this GPU holds 65536 /,
    );
    await device.close();
    await expect(device.read(x)).rejects.toThrow(/^\[FROND-R026\] the device webgpu was closed/);
  });

  it('rejects every call once it is lost', async (context) => {
    if (shared === undefined) return context.skip(NO_ADAPTER);
    let destroy = (): void => undefined;
    const device = await webgpuDevice({
      onDevice: (inner) => {
        destroy = () => inner.destroy();
      },
    });
    const x = await place(device, 64);
    const before = device.read(x);
    destroy();
    const lost = /^\[FROND-R030\] the webgpu device was lost: destroyed/;
    await expect(before).rejects.toThrow(lost);
    await expect(device.read(x)).rejects.toThrow(lost);
    await expect(device.write(x, [])).rejects.toThrow(lost);
    await expect(device.allocate(4)).rejects.toThrow(lost);
    await device.close();
    await expect(device.allocate(4)).rejects.toThrow(lost);
  });

  it('does not trust numbers after a call was refused', async (context) => {
    if (shared === undefined) return context.skip(NO_ADAPTER);
    let refuse = (): void => undefined;
    const device = await webgpuDevice({
      onDevice: (inner) => {
        refuse = () => (inner as GPUDevice).createBuffer({ size: 4, usage: 0 });
      },
    });
    const y = await place(device, 64);
    refuse();
    await expect(device.read(y)).rejects.toThrow(/^\[FROND-R024\] the GPU refuses/);
    await expect(device.read(y)).rejects.toThrow(/^\[FROND-R024\] the GPU refuses a call/);
    await device.close();
  });
});
