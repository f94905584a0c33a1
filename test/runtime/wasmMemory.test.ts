import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { traceKernel } from '../../src/kernel/build.ts';
import { type Block, Heap, scratchOf } from '../../src/runtime/wasm/heap.ts';
import { compileKernel } from '../../src/runtime/wasm/launches.ts';
import { runs } from '../support/counts.ts';

describe('the heap of the wasm device', () => {
  it.each([false, true])(
    'gives zeroed blocks that never overlap, and joins what is free (shared: %s)',
    (shared) => {
      const step = fc.oneof(
        fc.record({ words: fc.integer({ min: 0, max: 40_000 }) }),
        fc.record({ free: fc.nat() }),
      );
      fc.assert(
        fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
          const heap = new Heap(shared);
          const held: { block: Block; mark: number }[] = [];
          steps.forEach((one, at) => {
            if ('free' in one) {
              const [given] = held.length === 0 ? [] : held.splice(one.free % held.length, 1);
              if (given !== undefined) heap.free(given.block);
              return;
            }
            const block = heap.allocate(one.words);
            const view = new Uint8Array(heap.memory.buffer, block.address, block.bytes);
            expect(block.address % 256).toBe(0);
            expect(view.every((byte) => byte === 0)).toBe(true);
            view.fill(at + 1);
            held.push({ block, mark: at + 1 });
          });
          for (const { block, mark } of held) {
            const view = new Uint8Array(heap.memory.buffer, block.address, block.bytes);
            expect(view.every((byte) => byte === mark)).toBe(true);
          }
          for (const { block } of held) heap.free(block);
          // all is one free block again, so that what is asked for next begins where the first block began
          if (held.length > 0) expect(heap.allocate(1).address).toBe(256);
        }),
        { numRuns: runs(500, 40), seed: 3 },
      );
    },
  );

  it('gives a thread scratch memory that all of its kernels share', () => {
    const scratch = scratchOf(new Heap(false));
    const small = scratch(1000);
    expect(scratch(64)).toBe(small);
    const large = scratch(5000);
    expect(large).not.toBe(small);
    expect(scratch(1000)).toBe(large);
  });
});

it('compiles kernels of the same text once, whoever traced them', async () => {
  const traced = (add: number) =>
    traceKernel({ name: 'shift', doc: 'adds a number', schedule: { tiles: {} } }, (k) => {
      const at = [[k.program(0), 1]] as const;
      k.store(k.write('y'), at, k.add(k.load(k.read('x'), at), add));
    });
  const settings = { shared: false, relaxed: false };
  const first = await compileKernel(traced(1), settings);
  expect((await compileKernel(traced(1), settings)).module).toBe(first.module);
  expect((await compileKernel(traced(2), settings)).module).not.toBe(first.module);
  const shared = await compileKernel(traced(1), { ...settings, shared: true });
  expect(shared.module).not.toBe(first.module);
});
