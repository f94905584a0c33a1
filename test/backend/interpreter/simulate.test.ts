import { describe, expect, it } from 'vitest';
import { requireClean, simulate } from '../../../src/backend/interpreter/index.ts';
import type { TypedArray } from '../../../src/base/dtype.ts';
import type { KernelBuilder } from '../../../src/kernel/build.ts';
import { trace } from './support.ts';

/** Simulates four programs over x = 1 … 8 and eight zeros each for every other buffer the kernel declares. */
function simulated(author: (k: KernelBuilder) => void) {
  const kernel = trace(author, 'faulty');
  const buffers: Record<string, TypedArray> = Object.fromEntries(
    kernel.buffers.map(({ name }) => [name, new Float32Array(8)]),
  );
  buffers.x?.set([1, 2, 3, 4, 5, 6, 7, 8]);
  const report = simulate(kernel, { grid: [4], scalars: {} }, buffers);
  return { report, buffers, findings: report.findings };
}

/** y[2p], y[2p+1] = x[2p], x[2p+1] in program p: nothing wrong with it. */
function copyPairs(k: KernelBuilder): void {
  const [x, y] = [k.read('x'), k.write('y')];
  k.loop(0, 2, 1, [], (i) => {
    const at = k.add(k.mul(k.program(0), 2), i);
    k.store(y, [[at, 1]], k.load(x, [[at, 1]]));
    return [];
  });
}

describe('simulate', () => {
  it('finds nothing in a correct kernel and leaves its results in the buffers', () => {
    const { report, buffers } = simulated(copyPairs);
    expect(report).toMatchObject({ kernel: 'faulty', programs: 4, findings: [] });
    expect(buffers.y).toEqual(buffers.x);
    expect(() => requireClean(report)).not.toThrow();
  });

  it('reports loads out of range, with buffer, element, program and source line', () => {
    const { findings } = simulated((k) => {
      copyPairs(k);
      const far = k.load(k.read('far'), [[k.sub(k.mul(k.program(0), 5), 1), 1]]);
      k.when(k.lt(far, -1), () => k.store(k.buffer('log', 'f32', 'update'), [[k.program(0), 1]], far));
    });
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({
      kind: 'out-of-range',
      buffer: 'far',
      element: -1,
      program: [0, 0, 0, 0],
      count: 3,
    });
    expect(findings[0]?.source).toMatch(/simulate\.test\.ts:\d+$/);
    expect(findings[0]?.message).toMatch(
      /^out-of-range: far\[-1\] is out of range \(program \[0, 0, 0, 0\]\) at .*simulate\.test\.ts:\d+, 3 times in all$/,
    );
  });

  it('reports stores out of range and drops them', () => {
    const { findings, buffers } = simulated((k) => {
      const y = k.write('y');
      const c = k.axis('c', 4);
      k.store(y, [[k.span(c, k.mul(k.program(0), 2), 99), 1]], k.fill([c], 1));
    });
    expect(findings.map(({ kind, element }) => [kind, element])).toEqual([
      ['two-writers', 2],
      ['out-of-range', 8],
    ]);
    expect(buffers.y).toHaveLength(8);
  });

  it('reports two writers of an element and both programs', () => {
    const { findings } = simulated((k) => {
      copyPairs(k);
      k.store(k.write('z'), [[k.div(k.program(0), 3), 1]], 1);
    });
    expect(findings).toMatchObject([
      { kind: 'two-writers', buffer: 'z', element: 0, program: [1, 0, 0, 0], other: [0, 0, 0, 0], count: 2 },
      { kind: 'unwritten', buffer: 'z', element: 2, count: 6 },
    ]);
  });

  it('reports an element that one program stores twice', () => {
    const { findings } = simulated((k) => {
      copyPairs(k);
      k.store(k.buffer('z', 'f32', 'update'), [[k.program(0), 1]], 1);
      k.store(k.buffer('w', 'f32', 'update'), [[k.program(0), 1]], 1);
      k.loop(0, 2, 1, [], () => {
        k.store(k.buffer('v', 'f32', 'update'), [[k.program(0), 1]], 1);
        return [];
      });
    });
    expect(findings).toMatchObject([{ kind: 'written-twice', buffer: 'v', element: 0, count: 4 }]);
  });

  it('reports scratch that is read before it is written', () => {
    const { findings } = simulated((k) => {
      copyPairs(k);
      const kept = k.buffer('kept', 'f32', 'scratch');
      const early = k.load(kept, [[k.program(0), 1]]);
      k.store(kept, [[k.program(0), 1]], k.add(early, 1));
    });
    expect(findings).toMatchObject([{ kind: 'never-written', buffer: 'kept', element: 0, count: 4 }]);
  });

  it('reports reads of what an earlier program wrote', () => {
    const { findings } = simulated((k) => {
      copyPairs(k);
      const kept = k.buffer('kept', 'f32', 'scratch');
      k.store(kept, [[k.program(0), 1]], 1);
      const before = k.load(kept, [[k.max(k.sub(k.program(0), 1), 0), 1]]);
      k.store(k.buffer('z', 'f32', 'update'), [[k.program(0), 1]], before);
    });
    expect(findings).toMatchObject([
      { kind: 'foreign-read', buffer: 'kept', element: 0, program: [1, 0, 0, 0], other: [0, 0, 0, 0] },
    ]);
  });

  it('reports reads of what a later program writes, in place', () => {
    const { findings } = simulated((k) => {
      copyPairs(k);
      const z = k.buffer('z', 'f32', 'update');
      const [own, next] = [k.load(z, [[k.program(0), 1]]), k.load(z, [[k.add(k.program(0), 1), 1]])];
      k.store(z, [[k.program(0), 1]], k.add(own, next));
    });
    expect(findings).toMatchObject([
      { kind: 'foreign-read', buffer: 'z', element: 1, program: [1, 0, 0, 0], other: [0, 0, 0, 0], count: 3 },
    ]);
  });

  it('reports a read in place after the own store', () => {
    const { findings } = simulated((k) => {
      copyPairs(k);
      const z = k.buffer('z', 'f32', 'update');
      k.store(z, [[k.program(0), 1]], 2);
      k.store(k.buffer('w', 'f32', 'update'), [[k.program(0), 1]], k.load(z, [[k.program(0), 1]]));
    });
    expect(findings).toMatchObject([{ kind: 'read-after-write', buffer: 'z', element: 0, count: 4 }]);
  });

  it('reports bindings that share memory, and names all findings in one error', () => {
    const memory = new Float32Array(12);
    const kernel = trace(copyPairs, 'faulty');
    const report = simulate(
      kernel,
      { grid: [3], scalars: {} },
      { x: memory.subarray(0, 8), y: memory.subarray(4, 12) },
    );
    expect(report.findings).toMatchObject([
      { kind: 'shared-memory', buffer: 'y', element: 0 },
      { kind: 'unwritten', buffer: 'y', element: 6, count: 2 },
    ]);
    expect(() => requireClean(report)).toThrow(
      /FROND-K032.*kernel faulty: shared-memory: .*; unwritten: y\[6\]/,
    );
  });

  it('refuses a loop that never ends', () => {
    const kernel = trace((k) => {
      k.loop(0, 2, k.parameter('step'), [], () => []);
    });
    expect(() => simulate(kernel, { grid: [1], scalars: { step: 0 } }, {})).toThrow(/FROND-K031/);
  });
});
