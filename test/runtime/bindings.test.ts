import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Access, Kernel } from '../../src/kernel/ir.ts';
import { allowsBindings, isServedBy, planBindings } from '../../src/runtime/webgpu/bindings.ts';

interface Lying {
  readonly access: Access;
  readonly memory: number;
  readonly tensor: number;
}

/** As much of a kernel as bindings depend on, with the places of its buffers. */
function lying(buffers: readonly Lying[]) {
  const named = buffers.map((buffer, i) => ({ name: `b${i}`, ...buffer }));
  return {
    kernel: { buffers: named } as unknown as Kernel,
    placeOf: (name: string) => {
      const { memory, tensor } = named.find((buffer) => buffer.name === name) ?? { memory: -1, tensor: -1 };
      // tensors of different memories have nothing in common
      return { memory, tensor: `${memory} ${tensor}` };
    },
  };
}

const launches = fc.array(
  fc.record({
    access: fc.constantFrom<Access>('read', 'read', 'write', 'update', 'scratch'),
    memory: fc.nat(3),
    tensor: fc.nat(3),
  }),
  { minLength: 1, maxLength: 14 },
);

const bindingsOf = ({ buffers }: Kernel, { arenas }: ReturnType<typeof planBindings>): number =>
  new Set(buffers.map(({ name }) => arenas[name] ?? name)).size;

describe('bindings', () => {
  it('are legal, as few as the limit asks for, and no more joined than that', () => {
    fc.assert(
      fc.property(launches, fc.integer({ min: 4, max: 10 }), (buffers, limit) => {
        const { kernel, placeOf } = lying(buffers);
        const pattern = planBindings(kernel, placeOf, limit);
        expect(allowsBindings(kernel, placeOf, pattern)).toBe(true);
        // four memories take four bindings at most
        expect(bindingsOf(kernel, pattern)).toBeLessThanOrEqual(Math.max(4, limit));
        const free = planBindings(kernel, placeOf, 99);
        if (bindingsOf(kernel, free) <= limit) expect(pattern).toEqual(free);
      }),
      { seed: 6 },
    );
  });

  it('keep what is only read apart from what is written, and one tensor in one', () => {
    const at = (access: Access, memory: number, tensor: number): Lying => ({ access, memory, tensor });
    const { kernel, placeOf } = lying([
      at('read', 0, 0),
      at('read', 0, 0),
      at('read', 1, 0),
      at('write', 0, 1),
    ]);
    expect(planBindings(kernel, placeOf, 8)).toEqual({
      arenas: { b0: 'b0_memory', b1: 'b0_memory' },
      readWrite: ['b0', 'b1'],
    });
    expect(allowsBindings(kernel, placeOf, { arenas: {}, readWrite: ['b0', 'b1'] })).toBe(false);
    expect(allowsBindings(kernel, placeOf, { arenas: { b0: 'x', b1: 'x' }, readWrite: [] })).toBe(false);
    expect(allowsBindings(kernel, placeOf, { arenas: { b0: 'x', b2: 'x' }, readWrite: [] })).toBe(false);
  });

  it('take the text of another launch that binds more for writing, where they may', () => {
    const { kernel, placeOf } = lying([
      { access: 'read', memory: 0, tensor: 0 },
      { access: 'read', memory: 1, tensor: 0 },
      { access: 'write', memory: 2, tensor: 0 },
    ]);
    const own = planBindings(kernel, placeOf, 8);
    const wider = { arenas: {}, readWrite: ['b0'] };
    expect(own.readWrite).toEqual([]);
    expect(isServedBy(kernel, placeOf, own, wider)).toBe(true);
    const twice = (name: string) => placeOf(name === 'b1' ? 'b0' : name);
    // b0 and b1 are one tensor now: for writing they would have to share a binding
    expect(isServedBy(kernel, twice, own, wider)).toBe(false);
  });
});
