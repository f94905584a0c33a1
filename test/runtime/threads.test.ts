import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import fc from 'fast-check';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { webAssembly } from '../../src/base/webAssembly.ts';
import { traceKernel } from '../../src/kernel/build.ts';
import { platform as page } from '../../src/platform/browser/index.ts';
import { platform } from '../../src/platform/node/index.ts';
import type { BoundProgram, Location } from '../../src/runtime/device.ts';
import { type WasmDevice, wasmDevice } from '../../src/runtime/wasm/device.ts';
import { bindLaunches } from '../../src/runtime/wasm/launches.ts';
import { startScript, temporaryFolder } from '../store/support/bundle.ts';
import { runs } from '../support/counts.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());

/** x[i] = x[i] · 2 + step, over four elements a cell. */
const kernel = traceKernel(
  { name: 'grow', doc: 'doubles and adds a number', schedule: { tiles: { c: 4 } } },
  (k) => {
    const c = k.axis('c', 4);
    const x = k.buffer('x', 'f32', 'update');
    const at = [[k.span(c, k.mul(k.program(0), 4), k.parameter('length')), 1]] as const;
    k.store(x, at, k.add(k.mul(k.load(x, at), 2), k.parameter('step', 'f32')));
  },
);

/** Never advances, and is stopped by a trap. */
const endless = traceKernel({ name: 'endless', doc: 'goes nowhere', schedule: { tiles: {} } }, (k) => {
  k.loop(0, 4, k.parameter('step'), [], (i) => {
    k.store(k.write('out'), [[i, 1], [k.program(0), 4]], k.cast(i, 'f32')); // biome-ignore format: one line
    return [];
  });
});

const shapes = [kernel, endless].map((one) => ({ kernel: one, places: {} }));

async function vector(device: WasmDevice, length: number): Promise<Location> {
  return { memory: await device.allocate(length), offset: 0, length, dtype: 'f32' };
}

const grow = (x: Location, step: number) => ({
  kernel,
  grid: [Math.ceil(x.length / 4)],
  scalars: { length: x.length, step },
  buffers: { x },
});

/** A device with a program of some launches, some of which depend on each other. */
async function growing(threads: number, launches = 6) {
  const device = wasmDevice({ threads });
  const [x, y] = [await vector(device, 1003), await vector(device, 5)];
  await device.prepare(shapes);
  const commands = Array.from({ length: launches }, (_, i) => grow(i % 3 === 0 ? y : x, i + 0.5));
  const program = (await device.bind(commands)) as BoundProgram;
  return { device, program, x, y };
}

afterEach(() => vi.restoreAllMocks());

describe('threads of the wasm device', () => {
  it.each([1, 2, 3, 5])('compute the same with %i of them, also asked for twice at once', async (threads) => {
    const { device, program, x, y } = await growing(threads);
    await Promise.all([program.run(), program.run()]);
    let [atX, atY] = [0, 0];
    for (let i = 0; i < 12; i++) {
      const step = (i % 6) + 0.5;
      if (i % 3 === 0) atY = atY * 2 + step;
      else atX = atX * 2 + step;
    }
    expect(new Set(await device.read(x))).toEqual(new Set([atX]));
    expect(new Set(await device.read(y))).toEqual(new Set([atY]));
    await device.close();
  });

  it('keep the order of launches that touch the same elements, whatever the program', async () => {
    const launch = fc.record({
      offset: fc.nat(60),
      length: fc.integer({ min: 1, max: 200 }),
      step: fc.integer({ min: -9, max: 9 }),
    });
    const [alone, three] = [wasmDevice({ threads: 1 }), wasmDevice({ threads: 3 })];
    for (const device of [alone, three]) await device.prepare(shapes);
    const outcome = async (device: WasmDevice, list: { offset: number; length: number; step: number }[]) => {
      const all = await vector(device, 300);
      const bind = () => device.bind(list.map(({ step, ...part }) => grow({ ...all, ...part }, step)));
      const [first, second] = [await bind(), await bind()];
      await Promise.all([first.run(), second.run(), first.run()]);
      const result = await device.read(all);
      device.free(all.memory);
      return result;
    };
    await fc.assert(
      fc.asyncProperty(fc.array(launch, { minLength: 1, maxLength: 25 }), async (list) => {
        expect(await outcome(three, list)).toEqual(await outcome(alone, list));
      }),
      { numRuns: runs(5000, 200), seed: 11 },
    );
    for (const device of [alone, three]) await device.close();
  });

  it.each([1, 2])('give the time of each launch, with %i of them', async (threads) => {
    const { device, program, x } = await growing(threads);
    await program.run();
    const before = await device.read(x);
    const times = (await program.profile?.()) ?? [];
    expect(times.map(({ kernel }) => kernel)).toEqual(Array.from({ length: 6 }, () => 'grow'));
    for (const { milliseconds } of times) expect(milliseconds).toBeGreaterThanOrEqual(0);
    expect(times.reduce((sum, { milliseconds }) => sum + milliseconds, 0)).toBeGreaterThan(0);
    expect(await device.read(x)).not.toEqual(before);
    await device.close();
  });

  it('wait for those launches, and only those, whose memory they touch', () => {
    const memory = { words: 64, address: 0, bytes: 256 };
    const access = fc.record({
      buffer: fc.constantFrom<'x' | 'y'>('x', 'y'),
      offset: fc.nat(20),
      length: fc.nat(6),
    });
    const list = fc.array(fc.tuple(access, access), { minLength: 1, maxLength: 12 });
    const copy = traceKernel({ name: 'copy', doc: 'copies', schedule: { tiles: {} } }, (k) => {
      const at = [[k.program(0), 1]] as const;
      k.store(k.write('y'), at, k.load(k.read('x'), at));
    });
    fc.assert(
      fc.property(list, (given) => {
        const bound = bindLaunches(
          given.map(([x, y]) => {
            const place = ({ offset, length }: typeof x): Location => ({
              memory,
              offset,
              length,
              dtype: 'f32',
            });
            return { kernel: copy, grid: [1], scalars: {}, buffers: { x: place(x), y: place(y) } };
          }),
        );
        const overlap = (a: { offset: number; length: number }, b: { offset: number; length: number }) =>
          Math.max(a.offset, b.offset) < Math.min(a.offset + a.length, b.offset + b.length);
        let needed = 0;
        given.forEach(([reads, writes], at) => {
          for (let earlier = 0; earlier < at; earlier++) {
            const [before, wrote] = given[earlier] as (typeof given)[number];
            if (overlap(wrote, reads) || overlap(wrote, writes) || overlap(before, writes)) {
              needed = Math.max(needed, earlier + 1);
            }
          }
          expect(bound[at]?.after).toBe(needed);
        });
      }),
      { numRuns: runs(5000, 300), seed: 7 },
    );
  });

  it('are not waited for where there is nothing to run', async () => {
    const device = wasmDevice({ threads: 2 });
    const program = await device.bind([]);
    await program.run();
    expect(await program.profile?.()).toEqual([]);
    await device.close();
  });

  it('turn a trap into a typed error, and go on', async () => {
    const { device, program, x } = await growing(2);
    const out = await vector(device, 16);
    const broken = await device.bind([
      grow(x, 1),
      { kernel: endless, grid: [4], scalars: { step: 0 }, buffers: { out } },
      grow(x, 1),
    ]);
    for (let round = 0; round < 3; round++) {
      await expect(broken.run()).rejects.toThrow(/FROND-K212.*kernel endless: a program trapped/s);
      await program.run();
    }
    const kept = await device.read(x);
    expect(kept).toHaveLength(1003);
    expect(kept.buffer).toBeInstanceOf(ArrayBuffer);
    await device.close();
  });

  const dying = (how: string) => (source: string) => `(port) => { ${how}; (${source})(port); }`;
  const spawn = platform.spawnWorker;
  const startWith = (change: (source: string) => string, which = 1) => {
    let count = 0;
    vi.spyOn(platform, 'spawnWorker').mockImplementation((source, name, events) =>
      spawn(count++ === which ? change(source) : source, name, events),
    );
  };

  it('give a typed error when one cannot be started', async () => {
    startWith(() => 'nothing that runs');
    await expect(growing(2)).rejects.toThrow(
      /FROND-R020. the wasm device cannot start its threads: thread 1 ended: Unexpected identifier.*hint: use one thread/s,
    );
  });

  it('give a typed error when one ends in the middle of a step, and at every call afterwards', async () => {
    startWith(dying('const add = Atomics.sub; Atomics.sub = (...given) => process.exit(3)'));
    const { device, program, x } = await growing(2);
    await expect(program.run()).rejects.toThrow(
      '[FROND-R030] the wasm device was lost: thread 1 ended: it exited with code 3',
    );
    await expect(program.run()).rejects.toThrow('FROND-R030');
    await expect(device.read(x)).rejects.toThrow('FROND-R030');
    await expect(device.allocate(4)).rejects.toThrow('FROND-R030');
  });

  it('give a typed error when one does not answer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    startWith(() => '() => setInterval(() => undefined, 1000)');
    const never = expect(growing(2)).rejects.toThrow(/FROND-R020.*a thread did not answer for 60 s/s);
    await vi.advanceTimersByTimeAsync(0);
    await new Promise((resolve) => setImmediate(resolve));
    await vi.advanceTimersByTimeAsync(60_000);
    await never;
    vi.useRealTimers();
  });

  it('are told to close devices where no addresses are left', () => {
    vi.stubGlobal('WebAssembly', {
      ...webAssembly(),
      validate: () => true,
      Memory: class {
        constructor() {
          throw new RangeError('could not allocate memory');
        }
      },
    });
    for (const threads of [1, 2]) {
      expect(() => wasmDevice({ threads })).toThrow(/FROND-R001.*cannot have a memory.*hint: close devices/s);
    }
    vi.unstubAllGlobals();
  });

  it('end when the device is closed, in the middle of a step too', async () => {
    const { device, program, x } = await growing(2, 2000);
    const step = expect(program.run()).rejects.toThrow('[FROND-R026] the device wasm was closed');
    await device.close();
    await step;
    await expect(device.read(x)).rejects.toThrow('FROND-R026');
  });

  it('are said to be one where a page may not share memory', () => {
    expect(page.threadsRefused()).toBe('no workers can be started here');
    vi.stubGlobal('Worker', class {});
    expect(page.threadsRefused()).toMatch(/^the page is not cross-origin isolated/);
    vi.stubGlobal('crossOriginIsolated', true);
    expect(page.threadsRefused()).toBeUndefined();
    vi.unstubAllGlobals();
    vi.spyOn(platform, 'threadsRefused').mockReturnValue('the page is not cross-origin isolated');
    const device = wasmDevice({ threads: 2 });
    expect(device.threads).toBe(1);
    expect(device.note).toBe('one thread: the page is not cross-origin isolated');
  });
});

/** One file of everything, with short names and names kept: what a bundler does to the text of workers. */
async function bundled(name: string, text: string): Promise<string> {
  const outfile = join(folder.path, `${name}.mjs`);
  await build({
    stdin: { contents: text, resolveDir: fileURLToPath(new URL('.', import.meta.url)), loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    minify: true,
    keepNames: true,
    outfile,
    alias: { '#platform': fileURLToPath(new URL('../../src/platform/node/index.ts', import.meta.url)) },
    logLevel: 'error',
  });
  return outfile;
}

const SCRIPT = `
  import { exp, f32, graph, compile, wasmDevice } from '../../src/index.ts';
  const { ir } = graph('page', (g) => ({ y: exp(g.input('x', f32, ['batch', 4])) }));
  const { executable } = await compile(ir, { device: wasmDevice({ threads: 2 }) });
  const { y } = await executable.run({ x: { dtype: 'f32', shape: [2, 4], data: new Float32Array(8) } });
  console.log(y.data.join());
`;

it('start from a bundle, and let the process end by itself', async () => {
  const child = startScript(await bundled('open', SCRIPT), []);
  expect(await child.end).toBe(0);
  expect(child.lines).toEqual(['1,1,1,1,1,1,1,1']);
});
