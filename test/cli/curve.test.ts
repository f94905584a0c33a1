import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Curve } from '../../src/cli/curve.ts';
import type { palm } from '../../src/index.ts';
import { temporaryFolder } from '../store/support/bundle.ts';

const folder = temporaryFolder();
afterAll(folder.remove);
const path = join(folder.path, 'curve.json');

/** Steps that a resumed run takes over. */
function taken(): readonly number[] {
  const curve = new Curve(folder.path);
  curve.add({ type: 'start', from: 3 } as palm.TrainingEvent);
  return curve.steps.map(({ step }) => step);
}

const step = { type: 'step', step: 2, losses: { intent: 1 }, rate: 0.1, gradientNorm: 2 };

describe('the curve of earlier sessions', () => {
  it.each([
    ['as it was kept', { seconds: 5, steps: [step, { ...step, step: 4 }] }, [2]],
    ['with a step that is none', { seconds: 5, steps: [step, null] }, []],
    ['with losses of text', { seconds: 5, steps: [{ ...step, losses: { intent: 'low' } }] }, []],
    ['of another kind', [1, 2], []],
    ['that is nothing', null, []],
  ])('%s is taken over whole, or not at all', (_, kept, steps) => {
    writeFileSync(path, JSON.stringify(kept));
    expect(taken()).toEqual(steps);
  });

  it('of a long run is taken over', () => {
    const steps = Array.from({ length: 300_000 }, (_, i) => ({ ...step, step: i && 3 }));
    writeFileSync(path, JSON.stringify({ seconds: 5, steps }));
    expect(taken()).toHaveLength(300_000);
  });

  it('takes over looks at gradients, in which a cosine may be unknown', () => {
    const cosines = [{ tasks: ['a', 'b'], cosine: null }];
    const look = (step: number) => ({ type: 'gradients', step, norms: { a: 1, b: 0 }, cosines });
    writeFileSync(path, JSON.stringify({ seconds: 5, steps: [step], gradients: [look(2), look(4)] }));
    const curve = new Curve(folder.path);
    curve.add({ type: 'start', from: 3 } as palm.TrainingEvent);
    expect(curve.gradients).toEqual([look(2)]);
    writeFileSync(path, JSON.stringify({ seconds: 5, steps: [step], gradients: [{ step: 2 }] }));
    expect(taken()).toEqual([]);
  });

  it('is not waited for where a pipe is in its place', () => {
    rmSync(path);
    expect(spawnSync('mkfifo', [path]).status).toBe(0);
    expect(taken()).toEqual([]);
  });
});
