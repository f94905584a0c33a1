import { describe, expect, it } from 'vitest';
import { traceKernel } from '../../src/kernel/build.ts';
import { printKernel } from '../../src/kernel/print.ts';

/** A kernel with every construct of the language. */
const everything = () =>
  traceKernel({ name: 'everything', doc: 'each construct once', schedule: { tiles: {} } }, (k) => {
    const x = k.read('x');
    const ids = k.read('ids', 'i32');
    const half = k.buffer('half', 'f16', 'update');
    const trail = k.buffer('trail', 'i32', 'scratch');
    const out = k.write('out');
    const rows = k.parameter('rows');
    const rate = k.parameter('rate', 'f32');
    const i = k.axis('i', 8);
    const j = k.axis('j', 16);
    const i2 = k.axis('i2', 8);
    const l = k.axis('l', 16);
    const I = k.span(i, k.mul(k.program(0), 8), rows);
    const J = k.span(j, 0, 16);
    const id = k.load(ids, [[I, 1]]);
    const tile = k.load(
      x,
      [
        [id, 16],
        [J, 1],
      ],
      Number.NEGATIVE_INFINITY,
    );
    const best = k.argmax(tile, j);
    k.store(trail, [[I, 1]], best);
    const word = k.random([k.constant(7, 'u32'), 1], [k.cast(k.arange(j), 'u32'), 0], 1);
    const kept = k.select(k.lt(word, 0x80000000), tile, 0);
    const second = k.load(x, [
      [k.span(l, 0, 16), 1],
      [J, 16],
    ]);
    const product = k.dot(kept, second, undefined, j);
    const [total] = k.loop(0, rows, 8, [k.fill([i, l], 0)], (start, sum) => {
      if (!sum) throw new Error('one carried value');
      return [k.add(k.mul(sum, rate), k.select(k.inside(k.span(i, start, rows)), product, 0.5))];
    });
    if (!total) throw new Error('one result');
    k.store(half, [[k.span(i2, 0, rows), 1]], k.rename(k.maximum(total, l), i, i2));
    k.when(k.lt(k.sum(total, i, l), 1), () => k.store(out, [[k.program(1), 1]], 3));
  });

describe('printKernel', () => {
  it('shows every construct with types and axes, loops and conditions indented', () => {
    expect(printKernel(everything())).toMatchInlineSnapshot(`
      "// each construct once
      kernel everything {
        grid 2
        read x: f32[]
        read ids: i32[]
        update half: f16[]
        scratch trail: i32[]
        write out: f32[]
        parameter rows: i32
        parameter rate: f32
        axis i: 8
        axis j: 16
        axis i2: 8
        axis l: 16

        %4 = mul(program(0), 8) : i32
        %8 = load ids[i(%4 .. rows)] else 0 : i32[i]
        %9 = load x[%8 * 16 + j(0 .. 16)] else -Infinity : f32[i, j]
        %10 = reduce argmax %9 over j : i32[i]
        store trail[i(%4 .. rows)] = %10
        %12 = arange j : i32[j]
        %13 = cast %12 : u32[j]
        %16 = random word 1 key (7u, 1u) counter (%13, 0u) : u32[j]
        %18 = lt(%16, 2147483648u) : bool[j]
        %20 = select(%18, %9, 0.0) : f32[i, j]
        %21 = load x[l(0 .. 16) + j(0 .. 16) * 16] else 0.0 : f32[j, l]
        %22 = dot %20 · %21 over j : f32[i, l]
        %23 = fill 0.0 : f32[i, l]
        loop %24 = 0 to rows step 8 carrying %25 = %23 : f32[i, l] {
          %26 = mul(%25, rate) : f32[i, l]
          %27 = inside i(%24 .. rows) : bool[i]
          %29 = select(%27, %22, 0.5) : f32[i, l]
          %30 = add(%26, %29) : f32[i, l]
          yield %30
        }
        %31 = result 0 of loop %24 : f32[i, l]
        %32 = reduce max %31 over l : f32[i]
        %33 = rename %32 from i to i2 : f32[i2]
        store half[i2(0 .. rows)] = %33
        %34 = reduce sum %31 over i, l : f32
        %36 = lt(%34, 1.0) : bool
        when %36 {
          store out[program(1)] = 3.0
        }
      }
      "
    `);
  });

  it('adds the lines of the author on demand', () => {
    const text = printKernel(everything(), { sources: true });
    expect(text).toMatch(/= reduce argmax %\d+ over j : i32\[i\] {2}\/\/ kernels\/print\.test\.ts:\d+\n/);
    expect(text.replaceAll(/ {2}\/\/ kernels\/print.*$/gm, '')).toBe(printKernel(everything()));
  });
});
