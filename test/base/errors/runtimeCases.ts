import { groupColumns } from '../../../kernels/gradientNorm.ts';
import { dropout, f32, gather, graph, i32, linear, mul, normal, zeros } from '../../../src/dsl/index.ts';
import { GraphBuilder } from '../../../src/ir/builder.ts';
import type { OpRecord } from '../../../src/ir/record.ts';
import { ops } from '../../../src/ops/index.ts';
import { GROUPS } from '../../../src/palm/groups.ts';
import { SHARES } from '../../../src/palm/step.ts';
import { compile, executionOrder } from '../../../src/runtime/compile.ts';
import { interpreterDevice } from '../../../src/runtime/interpreterDevice.ts';
import { lowerGraph } from '../../../src/runtime/lower.ts';
import { layoutParameters } from '../../../src/runtime/parameters.ts';
import { ModelState } from '../../../src/runtime/state.ts';
import { wasmDevice } from '../../../src/runtime/wasm/device.ts';
import type { Case } from './case.ts';

const device = interpreterDevice();

const declaring = (size: number) =>
  graph('model', (g) => ({ y: g.parameter('w', f32, [size, 2], normal(1)) })).ir;

const doubled = graph('model', (g) => ({ y: mul(g.input('x', f32, ['batch', 2]), 2) })).ir;

async function run(feeds: Record<string, unknown>, read = ['y']): Promise<void> {
  const { executable } = await compile(doubled, { device });
  await executable.run(feeds as never, { read });
}

const x = { dtype: 'f32', shape: [1, 2], data: [1, 2] } as const;

/** An update of `parameters` whose gradients are `gradients`, all of them tensors [4]. */
function updating(parameters: readonly string[], gradients: (b: GraphBuilder) => readonly string[]) {
  const b = new GraphBuilder('model', ops);
  b.source = { file: 'model.ts', line: 5 };
  for (const name of new Set(parameters)) {
    b.parameter(name, { dtype: 'f32', shape: [4] }, { initializer: { kind: 'zeros' } });
  }
  const arriving = gradients(b);
  b.phase = 'update';
  const shares = b.input(SHARES, { dtype: 'f32', shape: [1] });
  const groups = b.input(GROUPS, { dtype: 'f32', shape: [1, groupColumns] });
  const token = b.one('accumulate', [shares, ...arriving], { gradients: parameters });
  const settings = { beta1: 0.9, beta2: 0.9, epsilon: 1e-8 };
  for (const names of [parameters.slice(0, 1), parameters])
    b.effect(b.one('adamW', [groups, token], { parameters: names, ...settings }));
  return b.finish();
}

const tensor = (b: GraphBuilder, name: string): string => b.neg(b.input(name, { dtype: 'f32', shape: [4] }));

function freedState(): ModelState {
  const state = new ModelState(device, layoutParameters([declaring(2)]));
  state.free();
  return state;
}

const unlowered: OpRecord = {
  name: 'mystery',
  doc: 'has no kernels',
  kind: 'kernel',
  arity: 1,
  shape: (inputs) => inputs,
};

const mystery = () => {
  const b = new GraphBuilder('model', new Map([...ops, ['mystery', unlowered]]));
  b.source = { file: 'model.ts', line: 3 };
  b.scope = 'encoder';
  b.output('y', b.one('mystery', [b.input('x', { dtype: 'f32', shape: [2] })]));
  return b.finish();
};

export const runtimeCases: readonly Case[] = [
  ['R001', () => device.allocate(2 ** 50)],
  [
    'R002',
    () => {
      const b = new GraphBuilder('model', ops);
      b.source = { file: 'model.ts', line: 2 };
      b.parameter('w', { dtype: 'f32', shape: ['batch', 2] }, { initializer: { kind: 'zeros' } });
      layoutParameters([b.finish()]);
    },
  ],
  ['R003', () => layoutParameters([declaring(2), declaring(3)])],
  ['R004', () => new ModelState(device, layoutParameters([declaring(2)])).read('v')],
  ['R017', () => new ModelState(device, layoutParameters([declaring(2)])).read('w', 'moment1')],
  ['R005', () => new ModelState(device, layoutParameters([declaring(2)])).write('w', [1, 2, 3])],
  ['R006', () => lowerGraph(mystery(), executionOrder(mystery()), ops)],
  ['R007', () => compile(mystery(), { device, registry: new Map([...ops, ['mystery', unlowered]]) })],
  [
    'R007',
    () =>
      compile(graph('model', (g) => ({ y: linear(g.input('x', f32, ['batch', 2]), 3) })).ir, {
        device,
        disable: ['expand'],
      }),
  ],
  [
    'R008',
    () => {
      const step = updating(['p', 'q'], (b) => {
        const gradient = tensor(b, 'x');
        return [gradient, gradient];
      });
      lowerGraph(step, executionOrder(step), ops);
    },
  ],
  ['R009', () => run({})],
  ['R010', () => run({ x: { ...x, dtype: 'i32' } })],
  ['R010', () => run({ x: { ...x, shape: [2], data: [1, 2] } })],
  ['R010', () => run({ x: { ...x, shape: [2, 1] } })],
  ['R010', () => run({ x: { ...x, data: [1] } })],
  ['R011', () => run({ x, z: x })],
  [
    'R012',
    async () => {
      const model = graph('model', (g) => ({
        y: gather(g.parameter('table', f32, [5, 2], zeros()), g.input('ids', i32, ['batch'])),
      })).ir;
      const { executable } = await compile(model, { device });
      await executable.run({ ids: { dtype: 'i32', shape: [3], data: [0, 4, 5] } });
    },
  ],
  ['R013', () => run({ x }, ['z'])],
  ['R022', () => compile(doubled, { device: 'wasm' as never })],
  ['R022', () => compile(doubled, { device: interpreterDevice as never })],
  ['R022', () => compile(doubled, { device: { device, reason: '' } as never })],
  ['R022', () => compile(doubled, { device, dissable: ['expand'] } as never)],
  ['R022', () => compile(doubled, { device, disable: 'expand' as never })],
  ['R023', () => run(undefined as never)],
  ['R023', () => run({ x: null })],
  ['R023', () => run({ x: new Float32Array(2) })],
  ['R023', () => run({ x: { dtype: 'f32', shape: [1, 2] } })],
  ['R023', () => run({ x }, 'y' as never)],
  ['R028', () => wasmDevice({ threads: 0 })],
  [
    'R009',
    async () => {
      const model = graph('model', (g) => ({ y: dropout(g.input('x', f32, [1, 2]), 0.5) }), {
        training: true,
      });
      await (await compile(model.ir, { device })).executable.run({ x });
    },
  ],
  ['R014', () => compile(doubled, {})],
  [
    'R015',
    async () => {
      const { executable } = await compile(
        updating(['p', 'q'], (b) => [tensor(b, 'x'), tensor(b, 'z')]),
        { device },
      );
      await executable.state.initialize(1);
      const four = { dtype: 'f32', shape: [4], data: [1, 2, 3, 4] } as const;
      await executable.run({
        ...{ x: four, z: four },
        [SHARES]: { dtype: 'f32', shape: [1], data: [0] },
        [GROUPS]: { dtype: 'f32', shape: [1, groupColumns], data: new Float32Array(groupColumns) },
      });
    },
  ],
  ['R031', () => run({ x: { ...x, data: [1, 'x'] } })],
  ['R031', () => new ModelState(device, layoutParameters([declaring(2)])).write('w', [1, 2, 3, {}] as never)],
  ['R032', async () => (await compile(declaring(2), { device })).executable.run({})],
  ['R033', () => freedState().read('w')],
  [
    'R033',
    async () => {
      const memory = await device.allocate(1);
      device.free(memory);
      await device.read({ memory, offset: 0, length: 1, dtype: 'f32' });
    },
  ],
  ['R036', async () => device.read({ memory: await device.allocate(1), offset: 0, length: 2, dtype: 'f32' })],
  [
    'R016',
    () =>
      compile(
        updating(['p', 'p'], (b) => [tensor(b, 'x'), tensor(b, 'z')]),
        { device },
      ),
  ],
];
