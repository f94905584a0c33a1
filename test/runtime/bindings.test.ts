import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Access } from '../../src/kernel/ir.ts';
import {
  type BindingPattern,
  isServedBy,
  type PlacedBuffer,
  planBindings,
} from '../../src/runtime/webgpu/bindings.ts';

interface Lying {
  readonly access: Access;
  readonly memory: number;
  readonly tensor: number;
}

/** Named, and in their places: tensors of different memories have nothing in common. */
const lying = (buffers: readonly Lying[]): PlacedBuffer[] =>
  buffers.map((buffer, i) => ({ name: `b${i}`, ...buffer, tensor: `${buffer.memory} ${buffer.tensor}` }));

const launches = fc.array(
  fc.record({
    access: fc.constantFrom<Access>('read', 'read', 'write', 'update', 'scratch'),
    memory: fc.nat(3),
    tensor: fc.nat(3),
  }),
  { minLength: 1, maxLength: 14 },
);

/** The rules of WebGPU, pair by pair. */
const isLegal = (buffers: readonly PlacedBuffer[], { arenas, readWrite }: BindingPattern): boolean => {
  const bound = buffers.map(({ name, memory, tensor }) => ({
    memory,
    tensor,
    binding: arenas[name] ?? name,
  }));
  const writing = new Set(
    buffers.flatMap(({ name, access }) =>
      access !== 'read' || readWrite.includes(name) ? [arenas[name] ?? name] : [],
    ),
  );
  return bound.every((one) =>
    bound.every((other) => {
      if (one.binding === other.binding) return one.memory === other.memory;
      if (one.memory !== other.memory || !(writing.has(one.binding) || writing.has(other.binding)))
        return true;
      return writing.has(one.binding) && writing.has(other.binding) && one.tensor !== other.tensor;
    }),
  );
};

const bindingsOf = (buffers: readonly PlacedBuffer[], { arenas }: ReturnType<typeof planBindings>): number =>
  new Set(buffers.map(({ name }) => arenas[name] ?? name)).size;

describe('bindings', () => {
  it('are legal, as few as the limit asks for, and no more joined than that', () => {
    fc.assert(
      fc.property(launches, fc.integer({ min: 4, max: 10 }), (buffers, limit) => {
        const placed = lying(buffers);
        const pattern = planBindings(placed, limit);
        expect(isLegal(placed, pattern)).toBe(true);
        // four memories take four bindings at most
        expect(bindingsOf(placed, pattern)).toBeLessThanOrEqual(Math.max(4, limit));
        const wider = { ...pattern, readWrite: placed.map(({ name }) => name) };
        expect(isServedBy(placed, pattern, wider)).toBe(isLegal(placed, wider));
        const free = planBindings(placed, 99);
        if (bindingsOf(placed, free) <= limit) expect(pattern).toEqual(free);
      }),
      { seed: 6 },
    );
  });

  it('keep what is only read apart from what is written, and one tensor in one', () => {
    const at = (access: Access, memory: number, tensor: number): Lying => ({ access, memory, tensor });
    const placed = lying([at('read', 0, 0), at('read', 0, 0), at('read', 1, 0), at('write', 0, 1)]);
    expect(planBindings(placed, 8)).toEqual({
      arenas: { b0: 'b0_memory', b1: 'b0_memory' },
      readWrite: ['b0', 'b1'],
    });
    expect(isLegal(placed, { arenas: {}, readWrite: ['b0', 'b1'] })).toBe(false);
    expect(isLegal(placed, { arenas: { b0: 'x', b1: 'x' }, readWrite: [] })).toBe(false);
    expect(isLegal(placed, { arenas: { b0: 'x', b2: 'x' }, readWrite: [] })).toBe(false);
  });

  it('take the text of another launch that binds more for writing, where they may', () => {
    const [read, output] = [
      { access: 'read', memory: 0, tensor: 0 },
      { access: 'write', memory: 2, tensor: 0 },
    ] as const;
    const placed = lying([read, { access: 'read', memory: 1, tensor: 0 }, output]);
    const own = planBindings(placed, 8);
    const wider = { arenas: {}, readWrite: ['b0'] };
    expect(own.readWrite).toEqual([]);
    expect(isServedBy(placed, own, wider)).toBe(true);
    // b0 and b1 are one tensor now: for writing they would have to share a binding
    expect(isServedBy(lying([read, read, output]), own, wider)).toBe(false);
  });
});
