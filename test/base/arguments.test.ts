import { describe, expect, it } from 'vitest';
import * as frond from '../../src/index.ts';
import { messageOf } from '../support/message.ts';

const { f32, i32 } = frond;
/** JavaScript's calls. */
const untyped = frond as unknown as Readonly<Record<string, (...args: unknown[]) => unknown>>;
const called = (name: string, ...args: readonly unknown[]): unknown => untyped[name]?.(...args);

/** What a call within a graph says, without its place in this file. */
async function said(build: (g: frond.GraphContext) => unknown): Promise<string> {
  const message = await messageOf(() =>
    frond.graph('model', (g) => {
      build(g);
      return {};
    }),
  );
  expect(message).toContain('\n  at test/base/arguments.test.ts');
  return message.replace(/\n {2}at [^\n]*/, '');
}
const x = (g: frond.GraphContext, name = 'x') => g.input(name, f32, ['batch', 4, 8]);
const ids = (g: frond.GraphContext, name = 'ids') => g.input(name, i32, ['batch', 4]);

describe('a misspelt option is refused at its line, with the one that was meant', () => {
  it.each([
    [
      'causal',
      (g) => called('attention', x(g), x(g, 'k'), x(g, 'v'), { heads: 2, casual: true }),
      'attention',
    ],
    ['keepDims', (g) => called('sum', x(g), 1, { keepdims: true }), 'sum'],
    ['training', () => called('graph', 'inner', () => ({}), { train: true }), 'graph'],
    ['bias', (g) => called('linear', x(g), 3, { biased: false }), 'linear'],
    ['epsilon', (g) => called('layerNorm', x(g), { eps: 1e-3 }), 'layerNorm'],
    ['initializer', (g) => called('embedding', ids(g), 9, 8, { initialiser: 1 }), 'embedding'],
    [
      'trainable',
      (g) => g.parameter('w', f32, [2], frond.zeros(), { trainble: false } as never),
      'g.parameter',
    ],
  ] satisfies [string, (g: frond.GraphContext) => unknown, string][])('%s', async (meant, build, caller) => {
    const message = await said(build);
    expect(message).toMatch(new RegExp(`^\\[FROND-S045] ${caller} has no option \\w+\\n`));
    expect(message).toContain(`hint: did you mean ${meant}? It has: `);
  });
});

describe('what is missing is named, with the call as it should be', () => {
  it.each([
    [
      'attention',
      (g) => called('attention', x(g), x(g, 'k'), x(g, 'v')),
      'the options object of attention is undefined\n  hint: give an object with heads, mask, causal, window, alibi, dropout',
    ],
    [
      'concat',
      (g) => called('concat', x(g), 1),
      'concat: tensors is an object\n  hint: give a list of tensors: concat([a, b], axis)',
    ],
    [
      'concat of one',
      (g) => called('concat', [x(g)]),
      'concat: axis is missing\n  hint: give an axis, such as 0, or -1 for the last one: concat(tensors, axis)',
    ],
    [
      'the scores of a chain',
      (g) => (frond.crf.logLikelihood as (...args: unknown[]) => unknown)(x(g), ids(g), ids(g, 'lengths')),
      'crf.logLikelihood: scores is missing\n  hint: give an object with transitions, start and stop: crf.logLikelihood(emissions, tags, lengths, scores)',
    ],
    [
      'a shape',
      (g) => (g.input as (...args: unknown[]) => unknown)('x', f32),
      "g.input: shape is missing\n  hint: give a list of sizes and names, such as ['batch', 128]: g.input(name, dtype, shape)",
    ],
  ] satisfies [string, (g: frond.GraphContext) => unknown, string][])('%s', async (_, build, wanted) => {
    expect(await said(build)).toBe(`[FROND-S045] ${wanted}`);
  });
});

describe('numbers and ids in each other’s places are called swapped', () => {
  it.each([
    [
      'crossEntropy',
      (g) => called('crossEntropy', ids(g), x(g)),
      'crossEntropy: logits are i32, labels are f32\n  hint: the arguments are swapped: crossEntropy(logits, labels)',
    ],
    [
      'gather',
      (g) => called('gather', ids(g), x(g)),
      'gather: table are i32, ids are f32\n  hint: the arguments are swapped: gather(table, ids)',
    ],
  ] satisfies [string, (g: frond.GraphContext) => unknown, string][])('%s', async (_, build, wanted) => {
    expect(await said(build)).toBe(`[FROND-S010] ${wanted}`);
  });
});

describe('labels without spaces between them are spelt out', () => {
  it('of einsum', async () => {
    const matrix = (g: frond.GraphContext, name: string) => g.input(name, f32, [4, 4]);
    expect(await said((g) => called('einsum', 'ij,jk->ik', matrix(g, 'a'), matrix(g, 'b')))).toBe(
      '[FROND-S025] einsum: fewer labels than dimensions, left over [4]\n  hint: labels stand apart by spaces: i j',
    );
  });

  it('of rearrange', async () => {
    expect(await said((g) => called('rearrange', x(g), 'btd->bdt'))).toBe(
      '[FROND-S025] rearrange: fewer labels than dimensions, left over [4, 8]\n  hint: labels stand apart by spaces: b t d',
    );
  });
});

it('a graph that is finished takes no more operations', async () => {
  let kept: unknown;
  frond.graph('model', (g) => {
    kept = x(g);
    return {};
  });
  expect(await messageOf(() => called('relu', kept))).toContain(
    '[FROND-S022] relu: the graph of its operands is finished\n',
  );
});

describe('calls that work on graphs name what they lack', () => {
  const model = frond.graph('model', (g) => ({ loss: frond.mean(x(g)) }));
  const { ops, interpreterDevice } = frond;
  it.each([
    [
      'differentiate without a loss',
      () => called('differentiate', model, ops, {}),
      'differentiate: loss is missing\n  hint: give the name of an output, such as loss',
    ],
    [
      'differentiate by a loss that is no name, which never ended',
      () => called('differentiate', model, ops, { loss: Number.NaN }),
      'differentiate: loss is NaN\n  hint: give the name of an output, such as loss',
    ],
    [
      'differentiate without ops',
      () => called('differentiate', model, { loss: 'loss' }),
      'differentiate: registry is an object\n  hint: give the ops by name, such as frond exports as ops: differentiate(graph, registry, options)',
    ],
    [
      'compareDevices',
      () => called('compareDevices', model),
      'compareDevices: devices is missing\n  hint: give two devices, such as [interpreterDevice(), wasmDevice()]: compareDevices(graph, devices, options?)',
    ],
    [
      'sizes of names that there are not',
      () =>
        called('compareDevices', model, [interpreterDevice(), interpreterDevice()], { sizes: { bacth: 2 } }),
      'graph model has no option bacth\n  hint: did you mean batch? It has: batch',
    ],
    [
      'a function instead of its result',
      () => called('printGraph', () => model),
      'printGraph: graph is the function without a name\n  hint: give a graph, as graph() gives it: printGraph(graph, options?)',
    ],
  ] satisfies [string, () => unknown, string][])('%s', async (_, call, wanted) => {
    const message = await messageOf(call);
    expect(message.replace(/\n {2}at [^\n]*/, '')).toBe(`[FROND-S045] ${wanted}`);
  });

  it('compile', async () => {
    expect(await messageOf(() => called('compile', model))).toBe(
      '[FROND-R022] the options object of compile is undefined\n  at test/base/arguments.test.ts\n  hint: give an object with state, device, disable, registry, check, schedules',
    );
  });

  it('patches of another graph', async () => {
    const patches = [{ op: 'replace', path: ['nodes', 'y', 'op'], value: 'neg' }];
    expect(await messageOf(() => called('applyEdit', model.ir, patches, ops))).toContain(
      '[FROND-I013] applyEdit: the patches do not fit graph model\n',
    );
  });
});

describe('the kernel language refuses at the author’s line', () => {
  const traced = (author: (k: frond.KernelBuilder) => unknown): Promise<string> =>
    messageOf(() =>
      frond.traceKernel({ name: 'sample', doc: 'a test', schedule: { tiles: {} } }, (k) => {
        author(k);
      }),
    );

  it('a function that there is not', async () => {
    expect(await traced((k) => k.map('tan' as never, 1))).toMatch(
      /^\[FROND-K001] k\.map: there is no function tan\n {2}at test\/base\/arguments\.test\.ts\n {2}hint: did you mean tanh\? There are: add, /,
    );
  });

  it('axes that do not fit, and operands of another kind', async () => {
    expect(await traced((k) => k.axis('i', 3))).toContain(
      '[FROND-K001] axis i: its extent must be a positive multiple of 4, not 3\n  at test/base/arguments.test.ts',
    );
    expect(await traced((k) => k.add('x' as never, 1))).toContain(
      '[FROND-K001] k.add: argument 0 is "x"\n  at test/base/arguments.test.ts\n',
    );
    expect(await traced((k) => k.load(k.write('y'), [[0, 1]]))).toContain(
      '[FROND-K001] load: buffer y is write-only\n  at test/base/arguments.test.ts',
    );
  });
});

describe('settings of a run that do not fit are named', () => {
  it('a reader without a way to read', async () => {
    expect(await messageOf(() => frond.palm.reader.jointReader({ folder: 'data' } as never))).toBe(
      '[FROND-T002] jointReader: readText is missing\n  at test/base/arguments.test.ts\n  hint: give a function, such as (path) => readFile(path)',
    );
  });

  it('a measure that is a number', async () => {
    const trainer = frond.palm.trainer('intent');
    expect(await messageOf(() => trainer.train({ best: 1 } as never))).toBe(
      '[FROND-T002] train: best is 1\n  at test/base/arguments.test.ts\n  hint: give a metric, such as slots.f1, or a function of the metrics, such as (metrics) => metrics.slots.f1',
    );
  });

  it('a seed that is no number', async () => {
    const model = frond.graph('model', (g) => ({ y: frond.linear(x(g), 2) }));
    const state = new frond.ModelState(frond.interpreterDevice(), frond.layoutParameters([model.ir]));
    expect(await messageOf(() => state.initialize('x' as never))).toContain('initialize: seed is "x"\n');
  });
});
