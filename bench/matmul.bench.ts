import { setFlagsFromString } from 'node:v8';
import { planMatmul } from '../kernels/matmul.ts';
import { webAssembly } from '../src/base/webAssembly.ts';
import type { Launch } from '../src/kernel/ir.ts';
import { interpretKernel } from '../src/target/interpreter/index.ts';
import { assembleKernel, hasRelaxedSimd, instantiateKernel, READ_AHEAD } from '../src/target/wasm/index.ts';
import { bindPlan, input, output } from '../test/support/launch.ts';
import { gpuJs, registerCeiling, tripleLoop } from './matmulPeers.ts';
import { best, type Row } from './row.ts';

export const about = 'f32 matrix product n × n × n, GFLOP/s, launch included';

/** Blocks of out and depth that suit the caches of one core. */
const WASM_TILES = { m: 128, n: 256, k: 256 };

const numbers = (length: number) => Float32Array.from({ length }, (_, i) => Math.sin(i));

function launchOf(n: number, tiles?: { m: number; n: number; k: number }): Launch {
  const [plan] = planMatmul({
    ...{ x: input(0), y: input(1), out: output(0), rows: n, columns: n, inner: n, batch: [] },
    tiles,
  });
  if (!plan) throw new Error('matmul has a plan');
  return bindPlan(plan, {});
}

const onInterpreter = (n: number, x: Float32Array, y: Float32Array): (() => void) => {
  const launch = launchOf(n);
  const kernel = interpretKernel(launch.kernel, 'f32');
  const out = new Float32Array(n * n);
  return () => kernel.run(launch, { x, y, out });
};

/** One thread of generated WebAssembly, with operands and result in its memory. */
function onWasm(n: number, x: Float32Array, y: Float32Array, relaxed: boolean): () => void {
  const engine = webAssembly();
  if (!engine) throw new Error('this engine has no WebAssembly');
  const { kernel, grid, scalars } = launchOf(n, WASM_TILES);
  const assembled = assembleKernel(kernel, { memory: { initial: 1 }, relaxed });
  const bytes = n * n * 4 + 64;
  const start = Math.ceil(assembled.scratchBytes / 64) * 64;
  const memory = new engine.Memory({ initial: Math.ceil((start + 3 * bytes + READ_AHEAD) / 65_536) });
  const buffers = { x: start, y: start + bytes, out: start + 2 * bytes };
  new Float32Array(memory.buffer, buffers.x, n * n).set(x);
  new Float32Array(memory.buffer, buffers.y, n * n).set(y);
  const instance = instantiateKernel(assembled, memory, 0);
  return () => instance.run({ grid, buffers, scalars });
}

/** GFLOP/s of the quickest of several rounds; a round repeats small products until it takes a while. */
async function rate(n: number, work: () => unknown, budget = 400): Promise<number> {
  const operations = 2 * n ** 3;
  const start = performance.now();
  work();
  const once = Math.max(performance.now() - start, 1e-3);
  const repeats = Math.max(1, Math.round(4 / once));
  const rounds = Math.max(3, Math.min(40, Math.round(budget / (once * repeats))));
  const round = () => {
    for (let i = 0; i < repeats; i++) work();
  };
  return (operations * repeats) / (await best(rounds, round)) / 1e6;
}

async function compare(n: number): Promise<Row[]> {
  const [x, y] = [numbers(n * n), numbers(n * n)];
  const row = { case: `${n}x${n}x${n}`, what: 'matmul f32', unit: 'GFLOP/s', threads: 1 };
  // quick engines first: gpu.js keeps the machine busy with collected garbage
  const wasm = await rate(n, onWasm(n, x, y, false), 1200);
  const rows: Row[] = [];
  const interpreted = await rate(n, onInterpreter(n, x, y));
  rows.push({ ...row, device: 'wasm', value: wasm, peer: 'interpreter', ratio: wasm / interpreted });
  if (hasRelaxedSimd()) {
    const fused = await rate(n, onWasm(n, x, y, true), 1200);
    rows.push({ ...row, device: 'wasm relaxed', value: fused, peer: 'wasm', ratio: fused / wasm });
  }
  const out = new Float32Array(n * n);
  if (n > 512) return rows;
  const plain = await rate(n, () => tripleLoop(n, x, y, out), 200);
  rows.push({
    ...row,
    device: 'interpreter',
    value: interpreted,
    peer: 'plain loop',
    ratio: interpreted / plain,
  });
  rows.push({ ...row, device: 'plain loop', value: plain, peer: 'wasm', ratio: plain / wasm });
  for (const mode of [undefined, 'cpu'] as const) {
    const { kind, run } = gpuJs(n, x, y, mode);
    const value = await rate(n, run, 200);
    rows.push({ ...row, device: `gpu.js ${kind}`, value, peer: 'wasm', ratio: value / wasm });
  }
  return rows;
}

export async function run(): Promise<Row[]> {
  // Node 20 has relaxed SIMD behind a flag, later versions without
  setFlagsFromString('--experimental-wasm-relaxed-simd');
  const { run: work, operations } = registerCeiling();
  const ceiling: Row = {
    ...{ case: 'in registers', what: 'multiply, add', unit: 'GFLOP/s', device: 'wasm', threads: 1 },
    value: operations / (await best(20, work)) / 1e6,
  };
  const rows: Row[] = [ceiling];
  for (const n of [64, 128, 512, 1024]) rows.push(...(await compare(n)));
  return rows;
}
