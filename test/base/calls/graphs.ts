import * as frond from '../../../src/index.ts';
import type { Call, Row, Rows } from './row.ts';

const { f32, ops } = frond;

/** mean((x·w)²) with a parameter, and its training-free graph. */
const model = () =>
  frond.graph('model', (g) => {
    const x = g.input('x', f32, ['batch', 4]);
    const y = frond.linear(x, 2);
    return { y, loss: frond.mean(frond.mul(y, y)) };
  });

export const irRows: Rows = {
  checkGraph: (call) => call(frond.checkGraph, model().ir, ops),
  printGraph: (call) => call(frond.printGraph, model(), { longestList: 8 }),
  parseGraph: (call) => call(frond.parseGraph, frond.printGraph(model()), 'a file'),
  edit: (call) => call(frond.edit, model().ir, () => undefined, ops),
  applyEdit: (call) => {
    const { graph, patches } = frond.edit(
      model().ir,
      (draft) => {
        delete draft.outputs.y;
      },
      ops,
    );
    return call(frond.applyEdit, model().ir, patches, ops) ?? graph;
  },
  differentiate: (call) =>
    call(frond.differentiate, model(), ops, {
      loss: 'loss',
      parameters: ['linear/weight'],
      wrt: ['x'],
      upstream: undefined,
    }),
  runPasses: (call) => call(frond.runPasses, model().ir, ops, { disable: ['expand'], check: true }),
  evaluateDim: (call) => call(frond.evaluateDim, '2*batch', { batch: 3 }),
  toDot: (call) => call(frond.toDot, model(), { depth: 1, parameters: true }),
  toMermaid: (call) => call(frond.toMermaid, model(), { depth: 1, parameters: true }),
  toSvg: (call) => call(frond.toSvg, model(), { depth: 1, parameters: true }),
};

/** A builder with an input x [2, 4]. */
const onBuilder =
  (row: (b: frond.GraphBuilder, call: Call) => unknown): Row =>
  (call) => {
    const b = new frond.GraphBuilder('model', ops);
    b.input('x', { dtype: 'f32', shape: [2, 4] });
    return row(b, call);
  };
const rule = (name: 'add' | 'sub' | 'mul' | 'div'): Row => onBuilder((b, call) => call(b[name], 'x', 'x'));
const single = (name: 'neg' | 'exp' | 'log' | 'sqrt' | 'rsqrt'): Row =>
  onBuilder((b, call) => call(b[name], 'x'));
const type = { dtype: 'f32', shape: [2, 4] } as const;

export const builderRows: Rows = {
  GraphBuilder: (call) =>
    call((...given) => Reflect.construct(frond.GraphBuilder, given), 'model', ops, undefined),
  'GraphBuilder#at': onBuilder((b, call) => call(b.at.bind(b), b.nodeOf('x'), 'backward')),
  'GraphBuilder#input': onBuilder((b, call) => call(b.input.bind(b), 'y', type)),
  'GraphBuilder#parameter': onBuilder((b, call) =>
    call(b.parameter.bind(b), 'w', type, { initializer: { kind: 'zeros' }, trainable: true }),
  ),
  'GraphBuilder#constant': onBuilder((b, call) =>
    call(b.constant.bind(b), [1, 2], { dtype: 'f32', shape: [2] }),
  ),
  'GraphBuilder#output': onBuilder((b, call) => call(b.output.bind(b), 'y', 'x')),
  'GraphBuilder#effect': onBuilder((b, call) => call(b.effect.bind(b), 'x')),
  'GraphBuilder#finish': onBuilder((b, call) => call(b.finish.bind(b))),
  'GraphBuilder#op': onBuilder((b, call) => call(b.op.bind(b), 'sum', ['x'], { axes: [0], keepDims: true })),
  'GraphBuilder#one': onBuilder((b, call) =>
    call(b.one.bind(b), 'sum', ['x'], { axes: [0], keepDims: true }),
  ),
  'GraphBuilder#typeOf': onBuilder((b, call) => call(b.typeOf.bind(b), 'x')),
  'GraphBuilder#nodeOf': onBuilder((b, call) => call(b.nodeOf.bind(b), 'x')),
  'GraphBuilder#requireDType': onBuilder((b, call) => call(b.requireDType.bind(b), 'input x', 'f32')),
  'GraphBuilder#sum': onBuilder((b, call) => call(b.sum.bind(b), 'x', [0], true)),
  'GraphBuilder#reshape': onBuilder((b, call) => call(b.reshape.bind(b), 'x', [8])),
  'GraphBuilder#transpose': onBuilder((b, call) => call(b.transpose.bind(b), 'x', [1, 0])),
  'GraphBuilder#broadcast': onBuilder((b, call) => call(b.broadcast.bind(b), 'x', [3, 2, 4])),
  'GraphBuilder#matmul': onBuilder((b, call) => call(b.matmul.bind(b), 'x', 'x', { transposeY: true })),
  'GraphBuilder#unbroadcast': onBuilder((b, call) => call(b.unbroadcast.bind(b), 'x', [4])),
  'GraphBuilder#where': onBuilder((b, call) => call(b.where, b.one('less', ['x', 'x']), 'x', 'x')),
  ...Object.fromEntries(
    (['add', 'sub', 'mul', 'div'] as const).map((name) => [`GraphBuilder#${name}`, rule(name)]),
  ),
  ...Object.fromEntries(
    (['neg', 'exp', 'log', 'sqrt', 'rsqrt'] as const).map((name) => [`GraphBuilder#${name}`, single(name)]),
  ),
};

const device = () => frond.interpreterDevice();
const executable = async () => {
  const { ir } = model();
  const state = new frond.ModelState(device(), frond.layoutParameters([ir]));
  await state.initialize(1);
  return (await frond.compile(ir, { state })).executable;
};
const feeds = { x: { dtype: 'f32', shape: [1, 4], data: [1, 2, 3, 4] } } as const;
const onState =
  (row: (state: frond.ModelState, call: Call) => unknown): Row =>
  (call) =>
    row(new frond.ModelState(device(), frond.layoutParameters([model().ir])), call);

export const runtimeRows: Rows = {
  compile: (call) =>
    call(frond.compile, model(), {
      device: device(),
      state: undefined,
      disable: ['fuseElementwise'],
      registry: ops,
      check: true,
      schedules: {},
    }),
  chooseDevice: (call) => call(frond.chooseDevice, 'wasm', { wasm: { threads: 1 }, webgpu: {} }),
  interpreterDevice: (call) => call(frond.interpreterDevice, { precision: 'f64' }),
  wasmDevice: (call) => call(frond.wasmDevice, { threads: 1, relaxed: false }),
  withSchedules: (call) => call(frond.withSchedules, device(), {}),
  layoutParameters: (call) => call(frond.layoutParameters, [model().ir]),
  reportFusion: (call) => call(frond.reportFusion, model(), ops, { batch: 2 }),
  printFusion: (call) => call(frond.printFusion, frond.reportFusion(model(), ops, { batch: 2 })),
  reportProgram: async (call) => call(frond.reportProgram, (await executable()).program, ops, { batch: 2 }),
  compareDevices: (call) =>
    call(frond.compareDevices, model(), [device(), device()], {
      sizes: { batch: 2 },
      seed: 1,
      tolerance: 1e-5,
      optimised: true,
      weights: new Map([
        ['linear/weight', new Float32Array(8)],
        ['linear/bias', new Float32Array(2)],
      ]),
    }),
  ModelState: (call) =>
    call(
      (...given) => Reflect.construct(frond.ModelState, given),
      device(),
      frond.layoutParameters([model().ir]),
    ),
  'ModelState#arena': onState((state, call) => call(state.arena.bind(state), 'moment1')),
  'ModelState#has': onState((state, call) => call(state.has.bind(state), 'moment1')),
  'ModelState#entry': onState((state, call) => call(state.entry.bind(state), 'linear/bias')),
  'ModelState#require': onState((state, call) => call(state.require.bind(state), model().ir)),
  'ModelState#requireWritten': onState(async (state, call) => {
    await state.initialize(1);
    return call(state.requireWritten.bind(state), model().ir);
  }),
  'ModelState#read': onState((state, call) => call(state.read.bind(state), 'linear/bias', 'parameter')),
  'ModelState#write': onState((state, call) =>
    call(state.write.bind(state), 'linear/bias', [1, 2], 'parameter'),
  ),
  'ModelState#fill': onState((state, call) =>
    call(state.fill.bind(state), 'linear/bias', [[1, 2]], 'parameter'),
  ),
  'ModelState#initialize': onState((state, call) => call(state.initialize.bind(state), 7)),
  'ModelState#free': onState((state, call) => call(state.free.bind(state))),
  gradients: (call) => call(frond.gradients, model(), { loss: 'loss', of: ['x'] }),
  findNonFinite: async (call) => {
    const made = await executable();
    return call(frond.findNonFinite, made.graph, feeds, made.state);
  },
  profileNodes: async (call) => call(frond.profileNodes, await executable(), feeds, ops),
  'Executable#run': async (call) => {
    const made = await executable();
    return call(made.run.bind(made), feeds, { read: ['y'] });
  },
  'Executable#profile': async (call) => {
    const made = await executable();
    return call(made.profile.bind(made), feeds);
  },
  'Executable#prepare': async (call) => {
    const made = await executable();
    return call(made.prepare.bind(made));
  },
  'Executable#free': async (call) => {
    const made = await executable();
    return call(made.free.bind(made));
  },
};

export const tuneRows: Rows = {
  tuneSchedules: (call) =>
    call(frond.tuneSchedules, model().ir, {
      device: device(),
      sizes: { batch: 2 },
      seconds: 0.001,
      registry: ops,
      onTuned: () => undefined,
    }),
  tableOf: (call) => call(frond.tableOf, tuned),
  tuningKey: (call) => call(frond.tuningKey, 'wasm', 'a processor', '1.0'),
  rememberTuning: (call) => call(frond.rememberTuning, {}, 'key', tuned),
  printTuning: (call) => call(frond.printTuning, cache()),
  parseTuning: (call) => call(frond.parseTuning, frond.printTuning(cache()), 'a file'),
};
const tuned = [
  { kernel: 'matmul', shapeClass: 'small', schedule: { split: 2 }, milliseconds: 1, builtInMilliseconds: 2 },
] as never;
const cache = () => frond.rememberTuning({}, 'key', tuned);

const stored = { dtype: 'F32', shape: [2], bytes: new Uint8Array(8) } as const;
const tensors = () => ({ tensors: new Map([['a', stored]]), metadata: new Map([['by', 'me']]) });

export const storeRows: Rows = {
  readSafetensors: (call) => call(frond.readSafetensors, frond.writeSafetensors(tensors()), 'a file'),
  writeSafetensors: (call) => call(frond.writeSafetensors, tensors()),
  storeFloats: (call) => call(frond.storeFloats, [1, 2], [2]),
  floatsOf: (call) => call(frond.floatsOf, stored, 'a', 'a file'),
};
