import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { planSoftmax } from '../../kernels/softmax.ts';
import { interpretKernel } from '../../src/backend/interpreter/index.ts';
import { assembleKernel } from '../../src/backend/wasm/index.ts';
import { printWgsl } from '../../src/backend/wgsl/index.ts';
import { checkKernel } from '../../src/kernel/check.ts';
import { printKernel } from '../../src/kernel/print.ts';
import { expectClose, gaussian } from '../support/arrays.ts';
import { expectGenerated, fenced } from '../support/generated.ts';
import { input, onlyKernel, output } from '../support/launch.ts';
import { squares } from './language.example.ts';

const softmax = onlyKernel(planSoftmax({ x: input(0), out: output(0), rows: 'rows', columns: 'columns' }));

describe('docs/kernel-language.md', () => {
  it('shows the text that is generated today', () => {
    const source = readFileSync(new URL('language.example.ts', import.meta.url), 'utf8');
    expectGenerated(new URL('../../docs/kernel-language.md', import.meta.url), {
      'example source': fenced('ts', source),
      'example printed': fenced('', printKernel(squares)),
      'softmax printed': fenced('', printKernel(softmax)),
      'softmax wgsl': fenced('wgsl', printWgsl(softmax).code),
      'softmax wasm': fenced('', assembleKernel(softmax).text()),
    });
  });

  it('has an example that is legal and does what its comment says', () => {
    expect(checkKernel(squares)).toEqual([]);
    for (const [rows, columns] of [
      [6, 37],
      [1, 16],
      [3, 0],
    ] as const) {
      const x = gaussian(rows * columns, 'x');
      const out = new Float64Array(rows).fill(Number.NaN);
      const launch = { grid: [Math.ceil(rows / 4)], scalars: { rows, columns } };
      interpretKernel(squares, 'f64').run(launch, { x, out });
      const expected = out.map((_, r) =>
        x.subarray(r * columns, (r + 1) * columns).reduce((sum, value) => sum + value * value, 0),
      );
      expectClose(out, expected);
    }
  });
});
