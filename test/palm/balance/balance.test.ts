import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  declare,
  interpreterDevice,
  linear,
  loadLatest,
  mean,
  mul,
  palm,
  readSafetensors,
  reshape,
  storeFloats,
  sub,
  tanh,
  writeSafetensors,
} from '../../../src/index.ts';
import { balanceFeeds } from '../../../src/palm/balance.ts';
import { temporaryFolder } from '../../store/support/bundle.ts';
import { bytesIn } from '../../store/support/bytes.ts';
import { messageOf } from '../../support/message.ts';
import { descent, stopAfter } from '../support/tiny.ts';

const folder = temporaryFolder();
afterAll(folder.remove);
let count = 0;
const fresh = (): string => join(folder.path, `run-${count++}`);

// A layer that three regressions share, as `make.py` computes it.
const [ROWS, WIDTH, HIDDEN, STEPS, SEED] = [16, 4, 6, 20, 7];
const SCALES = { a: 1, b: 3, c: 0.3 } as const;
const TASKS = Object.keys(SCALES) as (keyof typeof SCALES)[];
const wave = (length: number, factor: number, shift: number): Float32Array =>
  Float32Array.from({ length }, (_, k) => Math.sin(factor * k + shift));

interface Row {
  readonly x: readonly number[];
  readonly golds: Readonly<Record<string, number>>;
}
const inputs = wave(ROWS * WIDTH, 2.3, 0.5);
const golds = TASKS.map((task, i) => wave(ROWS, 3.1, i).map((gold) => gold * SCALES[task]));
const rows: readonly Row[] = Array.from({ length: ROWS }, (_, row) => ({
  x: [...inputs.subarray(row * WIDTH, (row + 1) * WIDTH)],
  golds: Object.fromEntries(TASKS.map((task, i) => [task, golds[i]?.[row] ?? 0])),
}));

const gold = declare('f32', ['batch']);
const reader = palm.defineReader({
  name: 'waves',
  gives: { x: declare('f32', ['batch', WIDTH]), a: gold, b: gold, c: gold },
  parts: { train: rows },
  length: () => 1,
  pack(examples: readonly Row[], { batch }) {
    const column = (task: string) => ({
      dtype: 'f32' as const,
      shape: [batch],
      data: Float32Array.from({ length: batch }, (_, i) => examples[i]?.golds[task] ?? 0),
    });
    const x = Float32Array.from({ length: batch * WIDTH }, (_, i) => {
      return examples[Math.floor(i / WIDTH)]?.x[i % WIDTH] ?? 0;
    });
    return {
      x: { dtype: 'f32', shape: [batch, WIDTH], data: x },
      a: column('a'),
      b: column('b'),
      c: column('c'),
    };
  },
});
const backbone = palm.defineBackbone({
  name: 'shared',
  needs: { x: declare('f32', ['batch', WIDTH]) },
  gives: { sentence: declare('f32', ['batch', HIDDEN]) },
  build: (_, { x }) => ({ sentence: tanh(linear(x, HIDDEN, { name: 'layer' })) }),
});
const headOf = (task: string) =>
  palm.defineHead({
    name: task,
    needs: { backbone: { sentence: declare('f32', ['batch', HIDDEN]) }, labels: { [task]: gold } },
    build: (_, { sentence }) => ({ found: reshape(linear(sentence, 1, { name: 'output' }), ['batch']) }),
    loss(_, tensors) {
      const { found, [task]: wanted = found } = tensors;
      const error = sub(found, wanted);
      return mean(mul(error, error), 0);
    },
    decode: ({ found }) => Array.from(found.data),
    score: () => ({ add() {}, value: () => ({}) }),
  });

interface Options {
  readonly balance?: palm.balance.Balance | undefined;
  readonly adam?: boolean;
  readonly tasks?: readonly string[];
  readonly batchSize?: number;
  readonly epochs?: number;
  readonly backward?: Partial<palm.BackwardOptions>;
}

function trainerOf({ balance, adam = false, tasks = TASKS, ...fit }: Options) {
  const trainers = tasks.map((task) => {
    const one = palm.trainer(task);
    one.buildForward(backbone, headOf(task));
    return one;
  });
  const all = palm.multiHeadTrainer(trainers, { device: interpreterDevice(), ...(balance && { balance }) });
  all.buildForward();
  const optimizer = adam ? palm.adam({ rate: 0.01 }) : { ...descent(0), rate: palm.constantRate(0.05) };
  all.buildBackward({ optimizer, ...fit.backward });
  const { batchSize = ROWS, epochs = STEPS } = fit;
  all.fitReader(reader, { epochs, batchSize, seed: SEED });
  return all;
}

type Values = Readonly<Record<string, readonly number[]>>;

async function weightsOf(trainer: Pick<palm.Trainer, 'save'>): Promise<Values> {
  const run = fresh();
  await trainer.save(run);
  const files = await bytesIn(await loadLatest(join(run, 'checkpoints')));
  const { tensors } = readSafetensors(files.get('weights.safetensors') ?? new Uint8Array());
  return Object.fromEntries(
    [...tensors].map(([name, { bytes }]) => [name, [...new Float32Array(bytes.slice().buffer)]]),
  );
}

/** The first weights of `make.py`; those of a balance keep theirs. */
async function setFirst(trainer: palm.MultiHeadTrainer): Promise<void> {
  const heads = TASKS.flatMap((task) => [
    [`${task}/output/weight`, [HIDDEN, 1]] as const,
    [`${task}/output/bias`, [1]] as const,
  ]);
  const shared = [
    ['shared/layer/weight', [WIDTH, HIDDEN]] as const,
    ['shared/layer/bias', [HIDDEN]] as const,
  ];
  const tensors = [...shared, ...heads].map(([name, shape], i) => {
    const elements = shape.reduce((x, y) => x * y, 1);
    return [
      name,
      storeFloats(
        wave(elements, 1.7, i).map((value) => value * 0.5),
        shape,
      ),
    ] as const;
  });
  const file = join(folder.path, `first-${count++}.safetensors`);
  writeFileSync(file, writeSafetensors({ tensors: new Map(tensors), metadata: new Map() }));
  await trainer.loadCheckpoint(file, { partial: true });
}

const BALANCES = {
  uncertainty: palm.balance.uncertainty(),
  dynamicAverage: palm.balance.dynamicAverage(),
  gradNorm: palm.balance.gradNorm(),
  pcGrad: palm.balance.pcGrad(),
};
const ordersAt = (step: number): unknown => {
  const { data = [] } =
    balanceFeeds(TASKS, { seed: SEED, step, epoch: 1, history: [] })['balance.order'] ?? {};
  return TASKS.map((_, i) => Array.from(data, Number).slice(3 * i, 3 * i + 3));
};
const orders = Array.from({ length: STEPS }, (_, step) => ordersAt(step));
if (process.env.WRITE_ORDERS !== undefined) writeFileSync(process.env.WRITE_ORDERS, JSON.stringify(orders));

interface Golden {
  readonly losses: readonly (readonly number[])[];
  readonly weights: Values;
}
const goldenFile = new URL('golden.json', import.meta.url);
const golden: Readonly<Record<string, Golden>> = existsSync(goldenFile)
  ? JSON.parse(readFileSync(goldenFile, 'utf8'))
  : {};

describe('balances agree with PyTorch over 20 steps', () => {
  it('drew the orders that the twin was given', () => {
    expect(golden.orders).toEqual(orders);
  });

  const cases = Object.entries(BALANCES).flatMap(([name, balance]) =>
    [false, true].map((adam) => ({ name, balance, adam, rule: adam ? 'adam' : 'descent' })),
  );
  it.each(cases)('$name under $rule', async ({ name, balance, adam, rule }) => {
    const trainer = trainerOf({ balance, adam });
    await setFirst(trainer);
    const losses: number[][] = [];
    for (let step = await trainer.trainStep(); step !== undefined; step = await trainer.trainStep())
      losses.push(TASKS.map((task) => step?.losses[task] ?? Number.NaN));
    const weights = await weightsOf(trainer);
    await trainer.close();
    const wanted = golden[`${name} ${rule}`];
    const far = (found: readonly number[], given: readonly number[] = []): number =>
      Math.max(...found.map((value, i) => Math.abs(value - (given[i] ?? Number.NaN))));
    const distances = [
      ...losses.map((found, i) => far(found, wanted?.losses[i])),
      ...Object.entries(weights).map(([parameter, found]) => far(found, wanted?.weights[parameter])),
    ];
    expect(losses.length).toBe(STEPS);
    expect(Object.keys(weights).sort()).toEqual(Object.keys(wanted?.weights ?? {}).sort());
    expect(Math.max(...distances)).toBeLessThan(1e-5);
  });
});

/** Trains in batches of 4, four steps an epoch, stopped after step `cut` and resumed by another trainer. */
async function weightsAfter(balance: palm.balance.Balance, cut?: number): Promise<Values> {
  const run = fresh();
  const options = { balance, adam: true, batchSize: 4, epochs: 3 };
  if (cut !== undefined) {
    const first = trainerOf(options);
    await first.train({ saveTo: run, printEvery: 1, ...stopAfter(cut) });
    await first.close();
  }
  const trainer = trainerOf(options);
  if (cut !== undefined) await trainer.resume(run);
  await trainer.train({ saveTo: run });
  const weights = await weightsOf(trainer);
  await trainer.close();
  return weights;
}

describe('a run with a balance', () => {
  it.each(Object.entries(BALANCES))('resumes byte for byte with %s', async (_, balance) => {
    const whole = await weightsAfter(balance);
    for (const cut of [4, 10]) expect(await weightsAfter(balance, cut)).toEqual(whole);
  });

  it('is not resumed with another balance', async () => {
    const run = fresh();
    const first = trainerOf({ balance: palm.balance.gradNorm({ alpha: 1 }) });
    await first.train({ saveTo: run, printEvery: 1, ...stopAfter(2) });
    await first.close();
    const other = trainerOf({ balance: palm.balance.gradNorm({ alpha: 2 }) });
    expect(await messageOf(() => other.resume(run))).toMatch(/balance was .*"alpha":1.*, is .*"alpha":2/);
    await other.close();
  });

  it('learns each task by itself where they alternate', async () => {
    const trainers = TASKS.map((task) => {
      const one = palm.trainer(task);
      one.buildForward(backbone, headOf(task));
      return one;
    });
    const device = interpreterDevice();
    const options = { policy: 'alternate', balance: palm.balance.uncertainty(), device } as const;
    const trainer = palm.multiHeadTrainer(trainers, options);
    trainer.buildForward();
    trainer.buildBackward({ optimizer: { ...descent(0), rate: palm.constantRate(0.05) } });
    trainer.fitReaders({ a: reader, b: reader, c: reader }, { epochs: 1, batchSize: 4, seed: 1 });
    const before = await weightsOf(trainer);
    const step = await trainer.trainStep();
    const after = await weightsOf(trainer);
    await trainer.close();
    const moved = Object.keys(after).filter((name) => before[name]?.join() !== after[name]?.join());
    const task = step?.slot?.task;
    expect(moved.filter((name) => name.startsWith('balance/'))).toEqual([`balance/${task}`]);
    // s ← s − 0.05 · (1 − exp(−s) · L), at s = 0
    const loss = step?.losses[task ?? ''] ?? Number.NaN;
    expect(after[`balance/${task}`]?.[0]).toBeCloseTo(-0.05 * (1 - loss), 6);
  });
});

describe('the gradients of tasks', () => {
  it('are compared on what they share, at the steps that are asked for', async () => {
    /** The gradient of a task by a step of plain descent. */
    const gradientOf = async (task: string): Promise<readonly number[]> => {
      const trainer = trainerOf({ tasks: [task], epochs: 1 });
      await setFirst(trainer);
      const shared = async () => {
        const weights = await weightsOf(trainer);
        return Object.keys(weights).flatMap((name) =>
          name.startsWith('shared/') ? (weights[name] ?? []) : [],
        );
      };
      const before = await shared();
      await trainer.trainStep();
      const after = await shared();
      await trainer.close();
      return before.map((value, i) => (value - (after[i] ?? 0)) / 0.05);
    };
    const gradients = await Promise.all(TASKS.map(gradientOf));
    const dot = (i: number, j: number): number =>
      gradients[i]?.reduce((sum, value, k) => sum + value * (gradients[j]?.[k] ?? 0), 0) ?? 0;
    // at a rate of 0 the weights stay the first ones
    const trainer = trainerOf({ backward: { optimizer: palm.adam({ rate: 0 }) } });
    await setFirst(trainer);
    const events: palm.TrainingEvent[] = [];
    await trainer.train({ watchGradients: 8, on: (event) => events.push(event) });
    await trainer.close();
    const looked = events.filter((event) => event.type === 'gradients');
    expect(looked.map(({ step }) => step)).toEqual([8, 16]);
    for (const { norms, cosines } of looked) {
      TASKS.forEach((task, i) => {
        expect(norms[task]).toBeCloseTo(Math.sqrt(dot(i, i)), 4);
      });
      expect(cosines.map(({ tasks }) => tasks.join())).toEqual(['a,b', 'a,c', 'b,c']);
      for (const { tasks, cosine } of cosines) {
        const [i = 0, j = 0] = tasks.map((task) => Object.keys(SCALES).indexOf(task));
        expect(cosine).toBeCloseTo(dot(i, j) / Math.sqrt(dot(i, i) * dot(j, j)), 4);
      }
    }
  });

  it('are those of the weights of now where tasks alternate, too', async () => {
    const trainers = TASKS.map((task) => {
      const one = palm.trainer(task);
      one.buildForward(backbone, headOf(task));
      return one;
    });
    const trainer = palm.multiHeadTrainer(trainers, { policy: 'alternate', device: interpreterDevice() });
    trainer.buildForward();
    trainer.buildBackward({ optimizer: palm.adam({ rate: 0 }) });
    trainer.fitReaders({ a: reader, b: reader, c: reader }, { epochs: 2, batchSize: ROWS, seed: 1 });
    await setFirst(trainer);
    const joint = trainerOf({ backward: { optimizer: palm.adam({ rate: 0 }) }, epochs: 6 });
    await setFirst(joint);
    const found: palm.SharedGradients[] = [];
    for (const one of [trainer, joint]) {
      await one.train({
        watchGradients: 6,
        on: (event) => {
          if (event.type === 'gradients') found.push({ norms: event.norms, cosines: event.cosines });
        },
      });
      await one.close();
    }
    const [alternating, together] = found;
    expect(found.length).toBe(2);
    for (const task of TASKS)
      expect(alternating?.norms[task]).toBeCloseTo(together?.norms[task] ?? Number.NaN, 5);
  });
});

describe('a balance that does not fit', () => {
  const built = (make: () => unknown): Promise<string> => messageOf(async () => make());

  it.each([
    ['needs tasks in one step', () => palm.multiHeadTrainer([], { balance: palm.balance.pcGrad() })],
    ['accumulate', () => trainerOf({ balance: palm.balance.pcGrad(), backward: { accumulate: 2 } })],
    ['one task', () => trainerOf({ balance: palm.balance.pcGrad(), tasks: ['a'] })],
    ['over nothing', () => trainerOf({ balance: palm.balance.gradNorm({ over: 'encoder/*' }) })],
    ['no balance', () => trainerOf({ balance: { name: 'x' } as never })],
    ['an option', () => palm.balance.gradNorm({ beta: 1 } as never)],
    ['a range', () => palm.balance.dynamicAverage({ temperature: 0 })],
    [
      'a vector of another length',
      () =>
        trainerOf({
          balance: palm.balance.define({
            name: 'odd',
            settings: {},
            build: (_, { losses }) => ({ weights: reshape(mean(losses, 0), [1]) }),
          }),
        }),
    ],
  ])('says so: %s', async (_, make) => {
    expect(await built(make)).toMatch(/^\[FROND-T00[23]\] [^\n]+\n(.*\n)* {2}hint: /);
  });

  it('is refused where it compares tasks that alternate', async () => {
    const trainers = TASKS.map((task) => palm.trainer(task));
    const options = { policy: 'alternate', balance: palm.balance.gradNorm() } as const;
    expect(await built(() => palm.multiHeadTrainer(trainers, options))).toMatch(/the policy is alternate/);
  });
});
