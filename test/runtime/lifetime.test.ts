import { afterAll, describe, expect, it } from 'vitest';
import { f32, graph, matmul, normal } from '../../src/dsl/index.ts';
import { compile } from '../../src/runtime/compile.ts';
import type { BoundProgram, Device, Memory } from '../../src/runtime/device.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
import { wasmDevice } from '../../src/runtime/wasm/device.ts';
import { NO_ADAPTER } from '../support/gpu.ts';
import { messageOf } from '../support/message.ts';
import { openWebgpu } from '../support/webgpu.ts';
import { f32Value, numbers, wave } from './support.ts';

const model = graph('model', (g) => {
  const x = g.input('x', f32, ['batch', 3]);
  return { y: matmul(x, g.parameter('w', f32, [3, 2], normal(1))) };
}).ir;
const x = f32Value([2, 3], wave(6));

const gpu = await openWebgpu();
if (gpu === undefined) console.log(NO_ADAPTER);
const kinds: readonly [string, () => Promise<Device>][] = [
  ['the interpreter', async () => interpreterDevice()],
  ['wasm', async () => wasmDevice({ threads: 1 })],
  ['wasm with threads', async () => wasmDevice({ threads: 2 })],
  ...(gpu === undefined ? [] : [['webgpu', async () => gpu] as const]),
].map(([name, open]) => [name as string, open as () => Promise<Device>]);
const opened: Device[] = [];
afterAll(() => Promise.all(opened.map((device) => device.close())));

describe.each(kinds)('on %s', (_, open) => {
  it('memory is not used before it has values, after it was freed, nor after its device was closed', async () => {
    const device = await open();
    opened.push(device);
    const { executable } = await compile(model, { device });
    const { state } = executable;
    expect(await messageOf(() => executable.run({ x }))).toBe(
      '[FROND-R032] graph model: parameters without values: w\n  hint: draw first weights with state.initialize(seed), or load some with state.write(name, values)',
    );
    await state.initialize(1);
    const before = numbers((await executable.run({ x })).y);
    expect(before.every((value) => value !== 0)).toBe(true);

    const memory = await device.allocate(4);
    const place = { memory, offset: 0, length: 4, dtype: 'f32' } as const;
    await device.write(place, [1, 2, 3, 4]);
    device.free(memory);
    device.free(memory);
    const freed = '[FROND-R033] memory is used that was given back';
    expect(await messageOf(() => device.read(place))).toContain(freed);
    expect(await messageOf(() => device.write(place, [1, 2, 3, 4]))).toContain(freed);
    expect(await messageOf(() => device.bind([command(place)]))).toContain(freed);

    const own = await device.allocate(4);
    for (const [outside, what] of [
      [{ offset: 1, length: 4 }, '4 elements from 1 on, in a memory of 4'],
      [{ offset: -1, length: 4 }, '4 elements from -1 on, in a memory of 4'],
      [{ offset: 0, length: 1e9 }, '1000000000 elements from 0 on, in a memory of 4'],
    ] as const) {
      const elsewhere = { memory: own, dtype: 'f32', ...outside } as const;
      for (const use of [() => device.read(elsewhere), () => device.write(elsewhere, [1])]) {
        expect(await messageOf(use)).toContain(`[FROND-R036] ${what}\n`);
      }
    }
    const first = { memory: own, dtype: 'f32', offset: 0, length: 2 } as const;
    expect(await messageOf(() => device.write(first, [1, 2, 3]))).toContain(
      '[FROND-R036] 3 numbers for 2 elements',
    );
    const foreign = { ...place, memory: await interpreterDevice().allocate(4) };
    expect(await messageOf(() => device.read(foreign))).toContain('[FROND-R033]');
    expect(await messageOf(() => device.write(foreign, [1]))).toContain('[FROND-R033]');

    // an executable takes new memory
    await Promise.all([executable.free(), executable.free()]);
    expect(numbers((await executable.run({ x })).y)).toEqual(before);

    state.free();
    state.free();
    const gone = '[FROND-R033] the state is used, but its memory was given back';
    for (const use of [
      () => executable.run({ x }),
      () => executable.profile({ x }),
      () => state.read('w'),
      () => state.write('w', wave(6)),
      () => state.initialize(1),
      () => state.arena('gradient'),
      () => compile(model, { state }),
    ]) {
      expect(await messageOf(use)).toContain(gone);
    }

    const other = await compile(model, { device });
    await other.executable.state.initialize(1);
    const late = await device.allocate(4);
    await device.close();
    await device.close();
    device.free(late);
    const closed = `[FROND-R026] the device ${device.name} was closed\n  hint: open another one: ${device.name}Device()`;
    for (const use of [
      () => other.executable.run({ x }),
      () => other.executable.state.read('w'),
      () => other.executable.state.write('w', wave(6)),
      () => device.allocate(4),
      () => device.read({ ...place, memory: late }),
      () => device.write({ ...place, memory: late }, [1, 2, 3, 4]),
      () => compile(model, { device }),
    ]) {
      expect(await messageOf(use)).toBe(closed);
    }
  });
});

/** A command that names a buffer; it is never run. */
const command = (place: Parameters<Device['read']>[0]) =>
  ({ kernel: {}, grid: [1], scalars: {}, buffers: { x: place }, multiplesOf4: [] }) as never;

describe('a command list', () => {
  it('that was bound does not run on memory that was freed since, nor on a closed device', async () => {
    for (const [wanted, end] of [
      ['R033', (device: Device, held: readonly Memory[]) => held.forEach((each) => void device.free(each))],
      ['R026', (device: Device) => device.close()],
    ] as const) {
      const device = interpreterDevice();
      const held: Memory[] = [];
      let bound: BoundProgram | undefined;
      const spied: Device = {
        ...device,
        async bind(commands) {
          held.push(...commands.flatMap(({ buffers }) => Object.values(buffers).map(({ memory }) => memory)));
          bound = await device.bind(commands);
          return bound;
        },
      };
      const { executable } = await compile(model, { device: spied });
      await executable.state.initialize(1);
      await executable.run({ x });
      await end(device, held);
      expect(await messageOf(async () => bound?.run())).toContain(wanted);
    }
  });
});

it('what a device is given is checked, on every device by one mechanism', async () => {
  const device = interpreterDevice();
  const memory = await device.allocate(1);
  for (const wrong of [undefined, null, -1, 1.5, 'x', {}, [1], Symbol('s'), 1n, Number.NaN] as never[]) {
    for (const call of [
      () => device.allocate(wrong),
      () => device.free(wrong),
      () => device.read(wrong),
      () => device.write(wrong, [1]),
      () =>
        device.write(
          { memory, offset: 0, length: 1, dtype: 'f32' },
          Array.isArray(wrong) ? (null as never) : wrong,
        ),
      () => device.bind(wrong),
      () => device.prepare(Array.isArray(wrong) ? (1 as never) : wrong),
    ]) {
      expect(await messageOf(call)).toMatch(/^\[FROND-(S045|R036)\] /);
    }
  }
});

it('a seed is a whole number', async () => {
  const { executable } = await compile(model, { device: interpreterDevice() });
  for (const [seed, shown] of [
    ['x', 'is "x"'],
    [undefined, 'is missing'],
    [1.5, 'is 1.5'],
    [Number.NaN, 'is NaN'],
  ] as const) {
    expect(await messageOf(() => executable.state.initialize(seed as number))).toContain(
      `[FROND-S045] initialize: seed ${shown}\n`,
    );
  }
});
