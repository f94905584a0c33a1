import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { printWgsl, type WgslModule } from '../../src/backend/wgsl/index.ts';
import type { Dim } from '../../src/base/dim.ts';
import { defined, FrondError } from '../../src/base/errors.ts';
import type { PartialSchedule, ScheduleTable } from '../../src/kernel/schedule.ts';
import { ops } from '../../src/ops/index.ts';
import { optimiseAndLower } from '../../src/runtime/compile.ts';
import { type Device, type DeviceName, withSchedules } from '../../src/runtime/device.ts';
import { schedulesOf } from '../../src/runtime/schedules.ts';
import { wasmDevice } from '../../src/runtime/wasm/device.ts';
import { KNOBS, knobsOf } from '../../src/tune/knobs.ts';
import { tuneSchedules } from '../../src/tune/tune.ts';
import { type Case, faultOf, LONG_SUMS } from '../runtime/agreement/agree.ts';
import { type MidGraph, midGraph, type Operand } from '../runtime/agreement/midGraph.ts';
import { type Sized, sizedOps } from '../runtime/agreement/sized.ts';
import { arenasFor } from '../support/arenas.ts';
import { runs } from '../support/counts.ts';
import { type Gpu, NO_ADAPTER, openGpu } from '../support/gpu.ts';
import { openWebgpu } from '../support/webgpu.ts';

const f32 = (...shape: readonly Dim[]): Operand => ({ dtype: 'f32', shape });

/** Rows of a literal length, which some settings keep whole. */
const LONG = 300;
const labels: Operand = { dtype: 'i32', shape: ['m'], element: (i) => ((i * 37) % (LONG + 1)) - 1 };
const sizes = { m: 21 };
const longRows: readonly Sized[] = [
  {
    name: 'softmax of long rows',
    sizes,
    op: 'softmax',
    operands: [f32('m', LONG)],
    attributes: { axis: -1 },
  },
  {
    name: 'layerNorm of long rows',
    sizes,
    op: 'layerNorm',
    attributes: { epsilon: 1e-3 },
    operands: [f32('m', LONG), f32(LONG), f32(LONG)],
  },
  { ...{ name: 'crossEntropy of long rows', sizes }, op: 'crossEntropy', operands: [f32('m', LONG), labels] },
];

/** Graphs that between them launch every kernel with knobs, with sizes that are no multiples of any tile. */
const chosen: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'x y': { m: 37, n: 70, k: 45 },
  softmax: { m: 21, n: 70 },
  layerNorm: { m: 37, n: 70 },
  crossEntropy: { m: 21, n: 70 },
  gather: { n: 70, t: 37 },
  'causal attention': { b: 2, q: 37, k: 37 },
  'masked attention with dropout': { b: 2, q: 19, k: 37 },
  ...Object.fromEntries(longRows.map(({ name }) => [name, sizes])),
};

/** Each kernel with knobs, by a graph that launches it. */
const graphs = [...sizedOps, ...longRows].flatMap(
  (sized): { readonly graph: MidGraph; readonly one: Case }[] => {
    const sizes = chosen[sized.name];
    if (sizes === undefined) return [];
    const graph = midGraph(sized);
    const feeds = graph.feeds({ sizes });
    return [
      {
        graph,
        one: {
          name: sized.name,
          graph: graph.graph,
          runs: [{ name: 'odd sizes', feeds, tolerance: LONG_SUMS }],
        },
      },
    ];
  },
);

function launchesOf(device: DeviceName, { graph }: Case, kernel?: string, schedule: PartialSchedule = {}) {
  const overlay = kernel === undefined ? {} : { [kernel]: { '': schedule } };
  const { program } = optimiseAndLower(graph, ops, schedulesOf(device, [overlay]));
  return program.nodes.flatMap(({ launches }) => launches);
}

const kernelsOf = (device: DeviceName, one: Case): string[] => {
  const names = new Set(launchesOf(device, one).map(({ kernel }) => kernel.name));
  return Object.keys(KNOBS[device]).filter((name) => names.has(name));
};

const settingsOf = (device: DeviceName, kernel: string): PartialSchedule[] =>
  knobsOf(device, kernel).flatMap(({ settings }) => [...settings]);

const named = graphs.map(({ one }) => [one.name, one] as const);

describe.each(['wasm', 'webgpu'] as const)('knobs of %s', (device) => {
  it('turn kernels that exist, in a class that a table can name', () => {
    const launched = new Map(
      graphs.flatMap(({ one }) =>
        launchesOf(device, one).map(({ kernel, shapeClass }) => [kernel.name, shapeClass]),
      ),
    );
    for (const kernel of Object.keys(KNOBS[device]))
      expect(launched.get(kernel), kernel).toBeTypeOf('string');
  });

  it.each(named)('make texts of different names of what %s launches', (_, one) => {
    for (const kernel of kernelsOf(device, one)) {
      const texts = new Map<string, string>();
      for (const setting of settingsOf(device, kernel)) {
        for (const launch of launchesOf(device, one, kernel, setting)) {
          const { name, variant, schedule } = launch.kernel;
          const key = `${name} ${variant}`;
          expect(texts.get(key) ?? JSON.stringify(schedule), key).toBe(JSON.stringify(schedule));
          texts.set(key, JSON.stringify(schedule));
        }
      }
      const own = [...texts.keys()].filter((key) => key.startsWith(`${kernel} `));
      expect(own.length, kernel).toBeGreaterThan(4);
    }
  });
});

/** The quick suite takes one in nine of them, others for each kernel. */
const sampled = (settings: readonly PartialSchedule[], kernel: string): PartialSchedule[] =>
  settings.filter((_, i) => (i + kernel.length) % runs(1, 9) === 0);

describe('settings on the device wasm', () => {
  let device: Device;
  beforeAll(() => {
    device = wasmDevice({ threads: 1 });
  });
  afterAll(() => device.close());

  it.each(named)('computes %s as the oracle does', async (_, one) => {
    for (const kernel of kernelsOf('wasm', one)) {
      for (const setting of sampled(settingsOf('wasm', kernel), kernel)) {
        const fault = await faultOf(withSchedules(device, { [kernel]: { '': setting } }), one, false);
        expect(fault, `${kernel} ${JSON.stringify(setting)}`).toBeUndefined();
      }
    }
  });

  it('is within the reach of tuning, whatever the kernel', async () => {
    const found = new Set<string>();
    for (const { graph, one } of graphs) {
      const sizes = defined(chosen[one.name], one.name);
      const tuned = await tuneSchedules(graph.graph, { device, sizes, seconds: 600 });
      for (const { kernel, tried } of tuned) if (tried > 2) found.add(kernel);
    }
    expect([...found].sort()).toEqual(Object.keys(KNOBS.wasm).sort());
  });
});

describe('settings in WGSL', () => {
  let compiler: Gpu;
  beforeAll(async () => {
    compiler = defined(await openGpu('null'), 'null backend');
  });
  afterAll(() => compiler.close());

  it.each(named)('compiles for %s, or is refused for a limit', async (_, one) => {
    for (const kernel of kernelsOf('webgpu', one)) {
      const modules = sampled(settingsOf('webgpu', kernel), kernel).map((setting) =>
        modulesOf(one, kernel, setting),
      );
      const legal = modules.filter((each) => each !== undefined);
      expect(legal.length, kernel).toBeGreaterThan(modules.length / 2);
      for (const module of legal.flat()) expect(await compiler.compile(module), module.code).toEqual([]);
    }
  });
});

/** The texts of one kernel of a graph under a setting; undefined where it does not fit the default limits. */
function modulesOf(one: Case, name: string, setting: PartialSchedule): WgslModule[] | undefined {
  const kernels = launchesOf('webgpu', one, name, setting).map(({ kernel }) => kernel);
  try {
    return kernels
      .filter((kernel) => kernel.name === name)
      .map((kernel) => printWgsl(kernel, { arenas: arenasFor(kernel) }));
  } catch (error) {
    if (error instanceof FrondError && error.code.startsWith('FROND-K20')) return undefined;
    throw error;
  }
}

/** What a GPU runs beside the built-in schedules: one for every kernel that differs from those. */
const turned = {
  ...Object.fromEntries(
    [
      'softmax',
      'softmaxGradient',
      'layerNorm',
      'layerNormGradient',
      'crossEntropy',
      'crossEntropyGradient',
    ].map((kernel) => [kernel, { '': { tiles: { r: 8, c: 512 }, workgroup: [64, 2] } }]),
  ),
  layerNormReduction: { '': { tiles: { b: 8, c: 32 }, workgroup: [32, 4] } },
  gather: { '': { tiles: { r: 8, c: 64 }, workgroup: [64, 4] } },
  matmul: { '': { tiles: { m: 32, n: 64, k: 32 }, workgroup: [16, 8], stage: 8 } },
  ...Object.fromEntries(
    ['attention', 'attentionQueryGradient', 'attentionKeyGradient'].map((kernel) => [
      kernel,
      { '': { tiles: { i: 16, j: 64 }, workgroup: [16, 8], stage: 8 } },
    ]),
  ),
} as const satisfies ScheduleTable;

/** What the quick suite runs there: software Vulkan needs most of a second for each text with barriers. */
const QUICK = ['softmax of long rows', 'crossEntropy'];

describe('schedules on the device webgpu', () => {
  let device: Device | undefined;
  beforeAll(async () => {
    device = await openWebgpu();
  });
  afterAll(async () => device?.close());

  it.for(named.filter(([name]) => QUICK.includes(name) || runs(1, 0) === 1))(
    'compute %s as the oracle does',
    async ([, one], { skip }) => {
      if (device === undefined) return skip(NO_ADAPTER);
      for (const subject of [device, withSchedules(device, turned)]) {
        expect(await faultOf(subject, one, true)).toBeUndefined();
      }
    },
  );
});
