import { GPU, type KernelFunction } from 'gpu.js';
import { webAssembly } from '../src/base/webAssembly.ts';
import { branchIf, get, type Local, loop, type Statement, set, tee } from '../src/target/wasm/code.ts';
import { FunctionBuilder, ModuleBuilder } from '../src/target/wasm/encode.ts';
import { f32x4, i32, plus, v128 } from '../src/target/wasm/instructions.ts';

/** What the matmul of the house is compared with. */

/** The loop that one writes first, over typed arrays. */
export function tripleLoop(n: number, x: Float32Array, y: Float32Array, out: Float32Array): void {
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let k = 0; k < n; k++) sum += (x[i * n + k] as number) * (y[k * n + j] as number);
      out[i * n + j] = sum;
    }
  }
}

/** What gpu.js gives a function as `this`. */
interface ThreadAt {
  readonly thread: { readonly x: number; readonly y: number };
  readonly constants: { readonly n: number };
}

export interface GpuJs {
  /** what gpu.js runs it on, such as `CPUKernel` */
  readonly kind: string;
  readonly run: () => unknown;
}

/** The same in gpu.js's dialect; `mode` undefined takes the best that it finds here. */
export function gpuJs(n: number, x: Float32Array, y: Float32Array, mode?: 'cpu'): GpuJs {
  const gpu = new GPU(mode ? { mode } : {});
  // gpu.js reads the text of this function, without its types
  const product = function (this: ThreadAt, a: number[][], b: number[][]): number {
    let sum = 0;
    for (let i = 0; i < this.constants.n; i++) {
      sum += ((a[this.thread.y] as number[])[i] as number) * ((b[i] as number[])[this.thread.x] as number);
    }
    return sum;
  };
  const kernel = gpu.createKernel(product as unknown as KernelFunction, { output: [n, n], constants: { n } });
  const rows = (m: Float32Array) => Array.from({ length: n }, (_, i) => m.slice(i * n, (i + 1) * n));
  const [left, right] = [rows(x), rows(y)];
  const run = () => kernel(left, right);
  run();
  const { kernel: engine } = kernel as unknown as { readonly kernel: object };
  return { kind: engine.constructor.name, run };
}

const CHAINS = 7;
const UNROLL = 4;

/**
 * Multiplications and additions of vectors held in registers, as many as the machine takes at once and none waiting for
 * another: what a product without fused multiply-add cannot exceed. Gives the floating-point operations of a call.
 */
export function registerCeiling(): { readonly run: () => void; readonly operations: number } {
  const engine = webAssembly();
  if (!engine) return { run: () => undefined, operations: 0 };
  const iterations = 500_000;
  const module = new ModuleBuilder();
  const fn = new FunctionBuilder([]);
  const [i, other] = [fn.local('i32', 'i'), fn.local('v128', 'other')];
  const chains = (name: string): Local<'v128'>[] =>
    Array.from({ length: CHAINS }, () => fn.local('v128', name));
  const [sums, products] = [chains('sum'), chains('product')];
  const steps = sums.flatMap((sum, chain): Statement[] => {
    const product = products[chain] ?? sum;
    return [set(sum, f32x4.add(get(sum), get(other))), set(product, f32x4.mul(get(product), get(other)))];
  });
  const next = tee(i, plus(get(i), i32.const(1)));
  module.define(module.declare('run', fn, 'none'), [
    set(other, v128.load(i32.const(0))),
    loop([
      ...Array.from({ length: UNROLL }, () => steps).flat(),
      branchIf(0, i32.ltS(next, i32.const(iterations))),
    ]),
    ...[...sums, ...products].map((local) => v128.store(i32.const(0), get(local))),
  ]);
  const memory = new engine.Memory({ initial: 1 });
  const { exports } = new engine.Instance(new engine.Module(module.encode({ initial: 1 }, ['run'])), {
    frond: { memory, scratch: 0 },
  });
  return { run: exports.run as () => void, operations: iterations * UNROLL * CHAINS * 2 * 4 };
}
