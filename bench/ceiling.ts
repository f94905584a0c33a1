import type { Local, Statement } from '../src/backend/wasm/code.ts';
import { branchIf, loop, set, tee } from '../src/backend/wasm/control.ts';
import { FunctionBuilder, ModuleBuilder } from '../src/backend/wasm/encode.ts';
import { f32x4, i32, plus, v128 } from '../src/backend/wasm/instructions.ts';
import { webAssembly } from '../src/base/webAssembly.ts';

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
    return [set(sum, f32x4.add(sum, other)), set(product, f32x4.mul(product, other))];
  });
  const next = tee(i, plus(i, i32.const(1)));
  module.declare('run', fn, 'none').body = [
    set(other, v128.load(i32.const(0))),
    loop([
      ...Array.from({ length: UNROLL }, () => steps).flat(),
      branchIf(0, i32.ltS(next, i32.const(iterations))),
    ]),
    ...[...sums, ...products].map((local) => v128.store(i32.const(0), local)),
  ];
  const memory = new engine.Memory({ initial: 1 });
  const { exports } = new engine.Instance(new engine.Module(module.encode({ initial: 1 }, ['run'])), {
    frond: { memory, scratch: 0 },
  });
  return { run: exports.run as () => void, operations: iterations * UNROLL * CHAINS * 2 * 4 };
}
