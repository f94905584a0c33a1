import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { add, f32, graph, mean, mul, normal, tanh } from '../../src/dsl/index.ts';
import { adamW } from '../../src/palm/optimizer.ts';
import { constant } from '../../src/palm/schedule.ts';
import { chunksOf, fitInChunk } from '../../src/runtime/chunks.ts';
import { compile } from '../../src/runtime/compile.ts';
import type { Device } from '../../src/runtime/device.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
import { layoutParameters } from '../../src/runtime/parameters.ts';
import { ModelState } from '../../src/runtime/state.ts';
import type { WebgpuDevice } from '../../src/runtime/webgpu/webgpuDevice.ts';
import { NO_ADAPTER } from '../support/gpu.ts';
import { messageOf } from '../support/message.ts';
import { stepOf, updateFeeds } from '../support/step.ts';
import { openWebgpu } from '../support/webgpu.ts';
import { f32Value, wave } from './support.ts';

/** 128 KiB: each parameter below takes one of them, and the results of a step several. */
const CHUNK = 32_768;
const optimizer = adamW({ rate: constant(0.01) });

const forward = graph('wide', (g) => {
  const parameter = (name: string) => g.parameter(name, f32, [200, 96], normal(1));
  const x = g.input('x', f32, [200, 96]);
  const hidden = tanh(add(mul(x, parameter('scale')), parameter('shift')));
  const wrong = mul(hidden, parameter('weight'));
  return { loss: mean(mul(wrong, wrong)) };
}).ir;

async function train(device: Device) {
  const { step, programs } = stepOf(forward, { optimizer, weightDecay: 0.01, clipNorm: 0.5 });
  const state = new ModelState(device, layoutParameters([step]));
  await state.initialize(5);
  const { executable } = await compile(step, { state });
  const numbers: number[] = [];
  for (let at = 0; at < 3; at++) {
    const feeds = {
      x: f32Value([200, 96], wave(200 * 96, at)),
      ...updateFeeds(programs, at),
    } as const;
    const { loss, gradientNorm } = await executable.run(feeds);
    numbers.push(Number(loss?.data[0]), Number(gradientNorm?.data[0]));
  }
  for (const name of state.layout.entries.keys()) numbers.push(...(await state.read(name)));
  return { numbers, state };
}

const expectAlike = (got: readonly number[], wanted: readonly number[], tolerance: number): void => {
  expect(got.length).toBe(wanted.length);
  const far = wanted.map((value, i) => Math.abs(value - (got[i] ?? Number.NaN)) / (1 + Math.abs(value)));
  expect(Math.max(...far)).toBeLessThan(tolerance);
};

describe('memory in chunks', () => {
  it('holds no stretch that crosses into the next one', () => {
    fc.assert(
      fc.property(fc.nat(500), fc.integer({ min: 1, max: 64 }), (start, words) => {
        const at = fitInChunk(start, words, 64);
        expect(at).toBeGreaterThanOrEqual(start);
        expect(Math.floor(at / 64)).toBe(Math.floor((at + words - 1) / 64));
        expect(at === start || at - start < 64).toBe(true);
      }),
      { seed: 3 },
    );
    expect(chunksOf(130, 64)).toEqual([
      { start: 0, words: 64 },
      { start: 64, words: 64 },
      { start: 128, words: 2 },
    ]);
  });

  it('changes a training step only by the order of one sum', async () => {
    const plain = await train(interpreterDevice());
    const split = await train({ ...interpreterDevice(), chunkWords: CHUNK });
    expect(plain.state.layout.elements).toBeGreaterThan(CHUNK);
    const { entries } = split.state.layout;
    for (const { offset, length } of entries.values())
      expect(Math.floor(offset / CHUNK)).toBe(Math.floor((offset + length - 1) / CHUNK));
    expectAlike(split.numbers, plain.numbers, 1e-6);
  });

  it('is refused to what is larger than a chunk, by name', async () => {
    const device = { ...interpreterDevice(), chunkWords: CHUNK / 2 };
    expect(await messageOf(() => train(device))).toMatch(
      /^\[FROND-R025\] parameter scale takes 76800 bytes; one buffer of this GPU holds 65536 \(maxBufferSize/,
    );
    const reading = graph('long', (g) => ({ y: mean(g.input('x', f32, ['batch'])) }));
    const { executable: reader } = await compile(reading.ir, { device });
    expect(await messageOf(() => reader.run({ x: f32Value([20_000], wave(20_000)) }))).toMatch(
      /^\[FROND-R025\] input x takes 80000 bytes/,
    );
    const graphOfOne = graph('outer', (g) => {
      const x = g.input('x', f32, [160, 1]);
      return { y: mul(x, g.input('z', f32, [1, 160])) };
    });
    const { executable } = await compile(graphOfOne.ir, { device });
    const feeds = { x: f32Value([160, 1], wave(160)), z: f32Value([1, 160], wave(160)) };
    expect(await messageOf(() => executable.run(feeds))).toMatch(
      /^\[FROND-R025\] the tensor \S+ takes 102400 bytes; .*\n {2}at node mul/,
    );
  });
});

describe('memory in chunks on the GPU', () => {
  let device: WebgpuDevice | undefined;
  beforeAll(async () => {
    device = await openWebgpu({ limits: { bufferBytes: 4 * CHUNK, storageBuffers: 8 } });
    if (device === undefined) console.log(NO_ADAPTER);
  });
  afterAll(() => device?.close());

  it('trains within small limits as the interpreter does', async ({ skip }) => {
    if (device === undefined) return skip(NO_ADAPTER);
    const plain = await train(interpreterDevice());
    const split = await train(device);
    expectAlike(split.numbers, plain.numbers, 1e-4);
  });
});
