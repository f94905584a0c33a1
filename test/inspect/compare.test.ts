import { describe, expect, it } from 'vitest';
import {
  f32,
  gather,
  graph,
  i32,
  layerNorm,
  linear,
  mul,
  normal,
  softmax,
  sum,
} from '../../src/dsl/index.ts';
import { compareDevices } from '../../src/inspect/compare.ts';
import { ops } from '../../src/ops/index.ts';
import { differentiate } from '../../src/passes/index.ts';
import type { Command, Device, Location } from '../../src/runtime/device.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
import { wasmDevice } from '../../src/runtime/wasm/device.ts';
import { tagger } from '../runtime/training.ts';

/** A small classifier with its gradients: forward and backward nodes. */
function model() {
  const { ir } = graph('model', (g) => {
    const tokens = g.input('tokens', i32, ['batch', 'time']);
    const x = gather(g.parameter('embedding', f32, [9, 8], normal(0.5)), tokens);
    const weights = g.scope('head', () => softmax(linear(layerNorm(x), 5, { name: 'scores' })));
    return { loss: sum(mul(weights, weights), [0, 1, 2]) };
  });
  const { graph: step, gradients } = differentiate(ir, ops, { loss: 'loss' });
  return { ...step, outputs: { ...step.outputs, ...gradients } };
}

const SIZES = { batch: 3, time: 4 };

/** An interpreter that adds `by` to one element of what the last of its kernels called `name` writes. */
function corrupted(name: string, by: number, element = 0): Device {
  const inner = interpreterDevice();
  const bind = async (commands: readonly Command[]) => {
    const at = commands.findLastIndex(({ kernel }) => kernel.name === name);
    const [before, after] = [commands.slice(0, at + 1), commands.slice(at + 1)].map((part) =>
      inner.bind(part),
    );
    const command = commands[at];
    const written = command?.kernel.buffers.find(({ access }) => access === 'write')?.name ?? '';
    const place: Location | undefined = command?.buffers[written];
    return {
      async run() {
        await (await before)?.run();
        if (place === undefined) throw new Error(`there is no kernel ${name}`);
        const values = await inner.read(place);
        values[element] = (values[element] as number) + by;
        await inner.write(place, values);
        await (await after)?.run();
      },
    };
  };
  return { ...inner, bind };
}

describe('compareDevices', () => {
  it('finds equal devices equal, in every node', async () => {
    const same = await compareDevices(model(), [interpreterDevice(), interpreterDevice()], { sizes: SIZES });
    expect(same).toMatchObject({ first: undefined, largest: undefined, tolerance: 1e-5 });
    expect(same.nodes).toBeGreaterThan(20);
  });

  it.each([false, true])('holds wasm against the oracle, optimised: %s', async (optimised) => {
    const oracle = interpreterDevice({ precision: 'f64' });
    for (const subject of [model(), tagger(true)]) {
      const found = await compareDevices(subject, [oracle, wasmDevice({ threads: 1 })], {
        sizes: { batch: 3, time: 4 },
        optimised,
      });
      expect(found.first).toBeUndefined();
      expect(found.largest?.size).toBeGreaterThan(0);
      expect(found.largest?.size).toBeLessThan(1e-5);
    }
  });

  it('names the node whose result is corrupted, where, and by how much', async () => {
    const devices = [interpreterDevice(), corrupted('softmax', 0.25, 7)] as const;
    const { first } = await compareDevices(model(), devices, { sizes: SIZES });
    expect(first).toMatchObject({
      node: 'head/softmax',
      op: 'softmax',
      phase: 'forward',
      result: 0,
      shape: [3, 4, 5],
      index: [0, 1, 2],
    });
    expect(first?.size).toBeCloseTo(0.25, 6);
    expect(first?.place?.file).toContain('compare.test.ts');
    expect((first?.values[1] ?? 0) - (first?.values[0] ?? 0)).toBeCloseTo(0.25, 6);
  });

  it('names a node of the backward part', async () => {
    const devices = [interpreterDevice(), corrupted('softmaxGradient', 1)] as const;
    const { first } = await compareDevices(model(), devices, { sizes: SIZES });
    expect(first).toMatchObject({ op: 'softmaxGradient', phase: 'backward', index: [0, 0, 0] });
  });

  it('takes what is not finite for different, and the same NaN for equal', async () => {
    const { first } = await compareDevices(model(), [interpreterDevice(), corrupted('softmax', Number.NaN)], {
      sizes: SIZES,
    });
    expect(first).toMatchObject({ op: 'softmax', size: Number.POSITIVE_INFINITY });
    const broken = () => corrupted('softmax', Number.NaN);
    expect((await compareDevices(model(), [broken(), broken()], { sizes: SIZES })).largest).toBeUndefined();
  });

  it('lets differences up to the tolerance pass', async () => {
    const devices = [interpreterDevice(), corrupted('softmax', 1e-3)] as const;
    const loose = await compareDevices(model(), devices, { sizes: SIZES, tolerance: 0.5 });
    expect(loose.first).toBeUndefined();
    expect(loose.largest?.size).toBeGreaterThan(9e-4);
  });

  it('takes the weights that it is given, and draws others from another seed', async () => {
    const subject = graph('shares', (g) => ({ y: softmax(g.parameter('w', f32, [3], normal(1))) }));
    const probe = async (options: object) => {
      const { largest } = await compareDevices(
        subject,
        [interpreterDevice(), corrupted('softmax', 1)],
        options,
      );
      return largest?.values[0] ?? Number.NaN;
    };
    expect(await probe({ weights: new Map([['w', [2, 3, 4]]]) })).toBeCloseTo(0.0900306, 6);
    expect(await probe({ seed: 1 })).toBe(await probe({}));
    expect(await probe({ seed: 2 })).not.toBe(await probe({ seed: 1 }));
  });
});
