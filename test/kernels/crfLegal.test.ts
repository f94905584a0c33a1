import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS, printWgsl } from '../../src/backend/wgsl/index.ts';
import { checkKernel } from '../../src/kernel/check.ts';
import type { Kernel } from '../../src/kernel/ir.ts';
import { arenasFor } from '../support/arenas.ts';
import { type RunLaunch, simulator } from '../support/launch.ts';
import { drawProblem, runDecode, runDefinition, runGradient, runLoss } from './crfReference.ts';

const shape = { batch: 11, time: 5, labels: 6 };
const dloss = new Float64Array(shape.batch).fill(1);

describe('CRF kernels', () => {
  it.each([6, 130, 300])('pass the checker and fit a GPU of default limits at %i labels', (labels) => {
    const problem = drawProblem('checker', { ...shape, labels, scale: 1 }, 0);
    const kernels = new Set<Kernel>();
    const collect: RunLaunch = ({ kernel }) => void kernels.add(kernel);
    runLoss(problem, 'f64', collect);
    runGradient(problem, dloss, 'f64', collect);
    runDecode(problem, 'f64', collect);
    runDefinition(problem, 'f64', collect);
    expect(kernels.size).toBe(9);
    for (const kernel of kernels) {
      expect(checkKernel(kernel), kernel.name).toEqual([]);
      const { workgroupBytes } = printWgsl(kernel, { arenas: arenasFor(kernel) });
      expect(workgroupBytes, kernel.name).toBeLessThanOrEqual(DEFAULT_LIMITS.workgroupBytes);
    }
  });

  // at scale 200 every step takes the log domain
  it.each([1, 200])('touch only what they may and write every result once, at scale %i', (scale) => {
    const problem = drawProblem('simulator', { ...shape, scale }, 0);
    runGradient(problem, dloss, 'f64', simulator);
    runDecode(problem, 'f64', simulator);
  });
});
