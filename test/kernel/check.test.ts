import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type KernelBuilder, traceKernel } from '../../src/kernel/build.ts';
import { assertKernel, checkKernel } from '../../src/kernel/check.ts';
import { statementsOf, valuesOf } from '../../src/kernel/flow.ts';
import type { Axis, Kernel, Loop, Store, Value } from '../../src/kernel/ir.ts';
import { runs } from '../support/counts.ts';

/** A legal kernel with one of each construct, traced afresh so that a test may break it. */
function legal(): Kernel {
  return traceKernel({ name: 'sample', doc: 'a test', schedule: { tiles: {} } }, (k: KernelBuilder) => {
    const [x, lengths, state] = [k.read('x'), k.read('lengths', 'i32'), k.buffer('state', 'f32', 'update')];
    const [memory, out, index] = [
      k.buffer('memory', 'f32', 'scratch'),
      k.write('out'),
      k.write('index', 'i32'),
    ];
    const size = k.parameter('size');
    const [i, j, d] = [k.axis('i', 8), k.axis('j', 8), k.axis('d', 8)];
    const first = k.mul(k.program(0), 8);
    const [I, J] = [k.span(i, first, size), k.span(j, 0, size)];
    const length = k.load(lengths, [[k.program(0), 1]]);
    const [total] = k.loop(0, length, 8, [k.fill([i, j], 0)], (from, sum) => {
      const D = k.span(d, from, length);
      const left = k.load(x, [
        [I, 8],
        [D, 1],
      ]);
      const right = k.load(x, [
        [D, 8],
        [J, 1],
      ]);
      return [k.dot(left, right, sum as Value, d)];
    });
    const tile = total as Value;
    const sums = k.rename(k.sum(tile, i), j, d);
    k.store(memory, [[k.span(d, first, size), 1]], sums);
    const kept = k.load(memory, [[k.span(j, first, size), 1]]);
    const drawn = k.random([1, 2], [k.cast(k.arange(j), 'u32'), 3], 0);
    const scaled = k.select(k.lt(drawn, 5), k.mul(tile, kept), k.exp(k.neg(tile)));
    k.when(k.lt(k.reduce('max', scaled, i, j), 3), () => {
      k.store(index, [[I, 1]], k.argmax(scaled, j));
    });
    const at = [
      [I, 8],
      [J, 1],
    ] as const;
    k.store(state, at, k.add(k.load(state, at), scaled));
    k.store(out, at, k.select(k.inside(I), scaled, 0));
  });
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
const change = <T extends object>(target: T, fields: Partial<Mutable<T>>): void => {
  Object.assign(target, fields);
};

/** Ways to make a kernel illegal: what can be broken, and how. */
interface Fault {
  readonly code: string;
  readonly name: string;
  /** everything in the kernel that can be broken in this way, as actions */
  readonly places: (kernel: Kernel, values: readonly Value[]) => (() => void)[];
}

const stores = (kernel: Kernel): Store[] =>
  statementsOf(kernel).flatMap(({ statement }) => (statement.kind === 'store' ? [statement] : []));
const loops = (kernel: Kernel): Loop[] =>
  statementsOf(kernel).flatMap(({ statement }) => (statement.kind === 'loop' ? [statement] : []));
const ofOp = <O extends Value['op']>(values: readonly Value[], op: O): (Value & { readonly op: O })[] =>
  values.filter((value): value is Value & { readonly op: O } => value.op === op);

const faults: readonly Fault[] = [
  {
    code: 'FROND-K101',
    name: 'axes out of order',
    places: (_, values) =>
      values
        .filter(({ axes }) => axes.length === 2)
        .map((value) => () => change(value, { axes: [...value.axes].reverse() as readonly Axis[] })),
  },
  {
    code: 'FROND-K102',
    name: 'extent that is no multiple of 4',
    places: (kernel) => kernel.axes.map((axis) => () => change(axis, { size: 6 })),
  },
  {
    code: 'FROND-K102',
    name: 'name that is taken or cannot be printed',
    places: (kernel) =>
      kernel.buffers.flatMap((buffer) => [
        () => change(buffer, { name: 'size' }),
        () => change(buffer, { name: 'a b' }),
      ]),
  },
  {
    code: 'FROND-K103',
    name: 'one axis on both thread dimensions',
    places: (kernel, values) =>
      ofOp(values, 'rename').map((value) => () => {
        // j, the second axis of the product, becomes the first of another tile
        const tile = values.find(({ axes, op }) => axes.length === 2 && op === 'result');
        if (!tile) return;
        const [j, d] = [value.from, value.to];
        const fill: Value = { ...tile, id: 900, op: 'fill', value: 1, axes: [j, d] };
        const sum: Value = {
          ...tile,
          id: 901,
          op: 'reduce',
          combine: 'sum',
          arg: fill,
          over: [d],
          axes: [j],
        };
        for (const added of [fill, sum]) kernel.body.statements.push({ kind: 'let', value: added });
      }),
  },
  {
    code: 'FROND-K104',
    name: 'value of a loop used after it',
    places: (kernel, values) =>
      loops(kernel).flatMap(({ body }) => {
        const inner = values.find(({ region, op }) => region === body && op === 'dot');
        return stores(kernel)
          .filter(({ value }) => value.axes.length === 2)
          .map((store) => () => inner && change(store, { value: inner }));
      }),
  },
  {
    code: 'FROND-K104',
    name: 'use before definition',
    places: (kernel, values) =>
      ofOp(values, 'elementwise')
        .filter(({ axes }) => axes.length > 0)
        .map((value) => () => {
          const { statements } = kernel.body;
          const at = statements.findIndex(
            (statement) => statement.kind === 'let' && statement.value === value,
          );
          if (at >= 0) statements.unshift(...statements.splice(at, 1));
          else value.region.statements.reverse();
        }),
  },
  {
    code: 'FROND-K105',
    name: 'control that threads may not agree on',
    places: (kernel, values) => {
      const scratch = ofOp(values, 'load').find(({ buffer }) => buffer.access === 'scratch');
      const length = ofOp(values, 'load').find(({ dtype }) => dtype === 'i32');
      return loops(kernel).flatMap((loop) => [
        () => scratch && change(loop, { to: scratch }),
        () => length && change(length.buffer, { access: 'scratch' }),
      ]);
    },
  },
  {
    code: 'FROND-K106',
    name: 'wrong type',
    places: (_, values) =>
      values
        .filter(
          ({ op }) =>
            op === 'elementwise' || op === 'dot' || op === 'reduce' || op === 'load' || op === 'rename',
        )
        .map((value) => () => change(value, { dtype: value.dtype === 'u32' ? 'f32' : 'u32' })),
  },
  {
    code: 'FROND-K106',
    name: 'number that is none',
    places: (_, values) => [
      ...ofOp(values, 'constant').map((value) => () => change(value, { value: Number.NaN })),
      ...ofOp(values, 'fill').map((value) => () => change(value, { value: Number.NaN })),
      ...ofOp(values, 'load').map((value) => () => change(value, { otherwise: Number.NaN })),
    ],
  },
  {
    code: 'FROND-K107',
    name: 'access that the buffer does not allow',
    places: (kernel, values) => [
      ...ofOp(values, 'load').map(
        ({ buffer }) =>
          () =>
            change(buffer, { access: 'write' }),
      ),
      ...stores(kernel).map(
        ({ buffer }) =>
          () =>
            change(buffer, { access: 'read' }),
      ),
    ],
  },
  {
    code: 'FROND-K108',
    name: 'colliding stores',
    places: (kernel, values) => {
      const zero = ofOp(values, 'constant').find(({ value }) => value === 0);
      return stores(kernel).flatMap((store) =>
        store.terms.map((term) => () => {
          if (zero) change(term, { stride: zero });
        }),
      );
    },
  },
  {
    code: 'FROND-K109',
    name: 'carried values that do not fit',
    places: (kernel, values) =>
      loops(kernel).flatMap((loop) => {
        const [vector] = ofOp(values, 'reduce').filter(({ axes }) => axes.length === 1);
        return [() => change(loop, { yields: [] }), () => vector && change(loop, { yields: [vector] })];
      }),
  },
  {
    code: 'FROND-K110',
    name: 'axes that an operation does not take',
    places: (_, values) => [
      ...ofOp(values, 'reduce').map((value) => () => change(value, { over: [] })),
      ...ofOp(values, 'dot').map((value) => () => change(value, { over: value.row })),
      ...ofOp(values, 'rename').map((value) => () => change(value, { from: { ...value.from, size: 12 } })),
    ],
  },
  {
    code: 'FROND-K112',
    name: 'load of an update buffer after its store',
    places: (kernel, values) => {
      const load = ofOp(values, 'load').find(({ buffer }) => buffer.access === 'update');
      return load ? [() => kernel.body.statements.push({ kind: 'let', value: { ...load, id: 999 } })] : [];
    },
  },
];

describe('the kernel checker', () => {
  it('passes the legal kernel', () => {
    expect(checkKernel(legal())).toEqual([]);
    expect(() => assertKernel(legal())).not.toThrow();
  });

  it.each(faults)('catches: $name', ({ code, places }) => {
    const count = places(legal(), valuesOf(statementsOf(legal()))).length;
    expect(count).toBeGreaterThan(0);
    for (let place = 0; place < count; place++) {
      const kernel = legal();
      places(kernel, valuesOf(statementsOf(kernel)))[place]?.();
      const found = checkKernel(kernel);
      expect(
        found.map((finding) => finding.code),
        `place ${place}`,
      ).toContain(code);
    }
  });

  it('catches illegal kernels made of several faults, and names value, line and what to do', () => {
    const draws = fc.array(fc.record({ fault: fc.nat(), place: fc.nat() }), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(draws, (choice) => {
        const kernel = legal();
        const values = valuesOf(statementsOf(kernel));
        for (const { fault, place } of choice) {
          const actions = faults[fault % faults.length]?.places(kernel, values) ?? [];
          actions[place % Math.max(1, actions.length)]?.();
        }
        const findings = checkKernel(kernel);
        expect(findings.length).toBeGreaterThan(0);
        for (const { kernel: name, message } of findings) {
          expect(name).toBe('sample');
          expect(message.length).toBeGreaterThan(10);
        }
        expect(() => assertKernel(kernel)).toThrow(/^\[FROND-K1\d\d\] kernel sample: /);
      }),
      { numRuns: runs(500, 60), seed: 6 },
    );
  });

  it('speaks in full sentences', () => {
    const kernel = traceKernel({ name: 'late', doc: 'a test', schedule: { tiles: {} } }, (k) => {
      const [x, y] = [k.buffer('x', 'i32', 'scratch'), k.write('y')];
      const a = k.axis('a', 4);
      k.loop(0, k.load(x, [[k.program(0), 1]]), 1, [], () => []);
      k.store(y, [[k.span(a, k.mul(k.program(0), 4), 7), 1]], k.fill([a], 1));
    });
    const [finding] = checkKernel(kernel);
    expect(finding).toEqual({
      code: 'FROND-K105',
      kernel: 'late',
      value: 'load of x %2',
      source: expect.stringMatching(/^kernel\/check\.test\.ts:\d+$/),
      message:
        'the end of a loop must be a uniform scalar, load of x %2 is loaded from memory that this program writes',
      hint: expect.stringContaining('loads of read buffers'),
    });
    expect(() => assertKernel(kernel)).toThrow(
      /^\[FROND-K105\] kernel late: .*\n {2}at node late\/load of x %2 \(kernel\/check\.test\.ts:\d+\)\n {2}hint: /,
    );
  });
});
