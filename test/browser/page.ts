import { chooseDevice, type Device, loadLatest, saveCheckpoint, wasmDevice, webgpuDevice } from 'frond';
import { defined } from '../../src/base/errors.ts';
import { Learner } from '../../src/palm/learner.ts';
import { families, validSamples } from '../ops/samples/all.ts';
import { twinSetup } from '../palm/twin/model.ts';
import { type Case, faultOf } from '../runtime/agreement/agree.ts';
import { type Subject, subjects } from '../runtime/agreement/devices.ts';
import { midGraph, subgraphOf } from '../runtime/agreement/midGraph.ts';
import { trainStep } from '../support/trainStep.ts';

/** What a page does: tests with names, one after the other; a test fails by throwing. */
type Test = readonly [name: string, run: () => Promise<void>];

function equal(found: unknown, wanted: unknown): void {
  const [left, right] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (left !== right) throw new Error(`${left}, not ${right}`);
}

/** One of the larger samples of each op, in the middle of a graph, with its gradients. */
const cases = new Map(
  [...new Set(validSamples.map(({ op }) => op))].map((op): [string, Case] => {
    const sample = defined(
      validSamples
        .filter((one) => one.op === op)
        .slice(0, 4)
        .at(-1),
      op,
    );
    const { graph, feeds } = midGraph(subgraphOf(sample));
    return [op, { name: op, graph, runs: [{ name: 'ordinary numbers', feeds: feeds() }] }];
  }),
);

/** The first op of each file stands for the rest on a GPU that is a program: it takes most of a second to compile one kernel. */
const ON_GPU = new Set(families.flatMap(({ valid }) => valid[0]?.op ?? []));

async function agree(device: Device, one: Case, gpu: boolean): Promise<void> {
  const fault = await faultOf(device, one, gpu);
  if (fault !== undefined) throw new Error(fault);
}

function agreement({ name, gpu, open }: Subject): Test[] {
  const chosen = [...cases].filter(([op]) => !gpu || ON_GPU.has(op));
  let device: Device | undefined;
  return [
    [
      `${name}: opens`,
      async () => {
        device = await open();
        if (device === undefined) throw new Error('there is none');
      },
    ],
    ...chosen.map(
      ([op, one]): Test => [`${name}: ${op}`, () => agree(defined(device, `device ${name}`), one, gpu)],
    ),
    [`${name}: closes`, async () => device?.close()],
  ];
}

/** Losses of some steps of the joint model over the sentences of `examples/data/home`. */
async function train(device: Device, steps = 12): Promise<number[]> {
  const setup = await twinSetup('data', async (path) => (await fetch(path)).text());
  const learner = await Learner.create(setup, device);
  const losses: number[] = [];
  for (let i = 0; i < steps; i++) losses.push((await trainStep(learner)).loss);
  await device.close();
  return losses;
}

function training(): Test[] {
  let alone: readonly number[] = [];
  return [
    [
      'training on wasm, one thread: the loss falls',
      async () => {
        alone = await train(wasmDevice({ threads: 1 }));
        const [first = 0, last = 0] = [alone[0], alone.at(-1)];
        if (!(last < 0.8 * first)) throw new Error(`from ${first} to ${last}`);
      },
    ],
    [
      'training on wasm, two threads: the same bytes',
      async () => equal(await train(wasmDevice({ threads: 2 })), alone),
    ],
    [
      'training on webgpu: losses within 1e-3',
      async () => {
        // a step takes seconds where the GPU is a program
        const losses = await train(await webgpuDevice(), 6);
        losses.forEach((loss, step) => {
          const wanted = alone[step] ?? Number.NaN;
          if (!(Math.abs(loss - wanted) <= 1e-3 * wanted))
            throw new Error(`step ${step + 1}: ${loss}, not ${wanted}`);
        });
      },
    ],
  ];
}

/** Bytes of a file that is not small, in pieces. */
async function* pieces(): AsyncIterable<Uint8Array> {
  for (let i = 0; i < 5; i++) yield new Uint8Array(2 ** 20 + 1).fill(i + 1);
}

async function storing(): Promise<void> {
  const folder = `run-${crypto.randomUUID()}`;
  for (const step of [1, 2])
    await saveCheckpoint(folder, step, { files: new Map([['x', pieces()]]), summary: {} });
  const { step, files } = await loadLatest(folder);
  const bytes = await defined(files.get('x'), 'x').read(2 ** 20, 2 ** 20 + 2);
  equal([step, files.get('x')?.size, [...bytes]], [2, 5 * (2 ** 20 + 1), [1, 2]]);
}

/** A page that is cross-origin isolated has all devices. */
const isolated = (): Test[] => [
  ['the page is cross-origin isolated', async () => equal(globalThis.crossOriginIsolated, true)],
  [
    'wasm takes a thread for each core, and says so',
    async () => {
      const { device, reason } = await chooseDevice('wasm');
      await device.close();
      equal(reason, `asked for, ${navigator.hardwareConcurrency} threads`);
    },
  ],
  ...subjects.flatMap(agreement),
  ...training(),
];

/** A page that is not has one thread, and hears why. */
const plain = (): Test[] => [
  ['the page is not cross-origin isolated', async () => equal(globalThis.crossOriginIsolated, false)],
  ['checkpoints lie in the private file system', storing],
  [
    'wasm has one thread where memory cannot be shared, and says so',
    async () => {
      const { device, reason } = await chooseDevice('wasm', { wasm: { threads: 2 } });
      if (!reason.startsWith('asked for, one thread: the page is not cross-origin isolated'))
        throw new Error(reason);
      equal('threads' in device && device.threads, 1);
      await agree(device, defined(cases.get('matmul'), 'matmul'), false);
      await device.close();
    },
  ],
];

/** A page whose policy forbids workers from text cannot have threads. */
const strict = (): Test[] => [
  [
    'a policy without worker-src blob: gives a typed error, not silence',
    async () => {
      const device = wasmDevice({ threads: 2 });
      const error: unknown = await agree(device, defined(cases.get('add'), 'add'), false).catch(
        (cause: unknown) => cause,
      );
      const text = String(error);
      if (!/FROND-R020.*cannot start its threads.*worker-src blob:.*hint: use one thread/s.test(text)) {
        throw new Error(text);
      }
    },
  ],
  [
    'and one thread works there',
    async () => {
      const device = wasmDevice({ threads: 1 });
      await agree(device, defined(cases.get('add'), 'add'), false);
      await device.close();
    },
  ],
];

const pages: Readonly<Record<string, () => Test[]>> = { isolated, plain, strict };

declare global {
  /** given by the runner: `fault` is undefined where the test passed */
  var finish: () => Promise<void>;
  var report: (name: string, fault: string | undefined, milliseconds: number) => Promise<void>;
  var crossOriginIsolated: boolean;
  var location: { readonly pathname: string };
  var navigator: { readonly hardwareConcurrency: number };
}

const [, mode = ''] = globalThis.location.pathname.split('/');
for (const [name, run] of defined(pages[mode], `page ${mode}`)()) {
  const start = performance.now();
  let fault: string | undefined;
  try {
    await run();
  } catch (error) {
    fault = error instanceof Error ? `${error.message}` : String(error);
  }
  await globalThis.report(name, fault, performance.now() - start);
}
await globalThis.finish();
