import { afterAll, describe, expect, it } from 'vitest';
import { defined, FrondError } from '../../src/base/errors.ts';
import { compile } from '../../src/runtime/compile.ts';
import type { Device } from '../../src/runtime/device.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
import { wasmDevice } from '../../src/runtime/wasm/device.ts';
import { NO_ADAPTER } from '../support/gpu.ts';
import { openWebgpu } from '../support/webgpu.ts';
import { readDocument } from './document.ts';
import { graphOf, isAsSaid } from './expressions.ts';

/** By the head of its column in the tables. */
const OPEN: Readonly<Record<string, () => Device | Promise<Device | undefined>>> = {
  f64: () => interpreterDevice({ precision: 'f64' }),
  f32: () => interpreterDevice(),
  wasm: () => wasmDevice({ threads: 1 }),
  webgpu: () => openWebgpu(),
};
const DEVICES = Object.keys(OPEN);

/** Rows whose first cell is an expression in backticks: it, and what each device is said to give. */
const rows = readDocument('docs/numerics.md')
  .split('\n')
  .filter((line) => /^\| `/.test(line))
  .map((line) => {
    const [expression = '', ...cells] = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    return { expression: expression.replaceAll('`', ''), cells };
  });

async function resultOf(
  expression: string,
  device: Device,
  disable: readonly string[] = [],
): Promise<readonly number[] | string> {
  try {
    const { graph, feeds } = graphOf(expression);
    const { executable } = await compile(graph, { device, disable });
    const { y } = await executable.run(feeds);
    await executable.free();
    return Array.from(defined(y, 'result').data);
  } catch (error) {
    if (error instanceof FrondError && !error.code.startsWith('FROND-X')) return error.code;
    throw error;
  }
}

const show = (got: readonly number[] | string): string =>
  typeof got === 'string' ? got : `[${got.map((x) => (Object.is(x, -0) ? '-0' : x)).join(', ')}]`;

describe.each(DEVICES)('docs/numerics.md in %s', (name) => {
  let device: Device | undefined;
  afterAll(async () => device?.close());

  it('says what the device gives', async ({ skip }) => {
    expect(rows.length).toBeGreaterThan(10);
    device = await OPEN[name]?.();
    if (device === undefined) return skip(NO_ADAPTER);
    const wrong: string[] = [];
    for (const { expression, cells } of rows) {
      const cell = defined(cells[DEVICES.indexOf(name)], `cell ${name} of ${expression}`);
      const got = [await resultOf(expression, device)];
      // what is folded is what the device computes
      if (expression.includes('constant(')) got.push(await resultOf(expression, device, ['foldConstants']));
      for (const each of got) {
        if (!isAsSaid(each, cell)) wrong.push(`${expression} is ${show(each)}, not ${cell}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});

it('reads cells strictly', () => {
  expect(isAsSaid([2.0611537e-9], '2.06e-9')).toBe(true);
  expect(isAsSaid([2.08e-9], '2.06e-9')).toBe(false);
  expect(isAsSaid([0], '-0')).toBe(false);
  expect(isAsSaid([Number.NaN], '−∞ or NaN')).toBe(true);
  expect(isAsSaid([1, 2], '[1, 3]')).toBe(false);
  expect(isAsSaid([1], '[1, 1]')).toBe(false);
  expect(isAsSaid('FROND-S002', 'S002')).toBe(true);
  expect(isAsSaid([1], 'S002')).toBe(false);
});
