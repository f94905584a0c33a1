import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The Python that has PyTorch: Debian's unless FROND_PYTHON names another. */
const python = process.env.FROND_PYTHON ?? '/usr/bin/python3';

/**
 * Runs a script of this folder on one thread; it prints its figures as one JSON object. Without PyTorch there are none,
 * and a line says so.
 */
export function torchFigures(script: string, ...args: readonly (string | number)[]): Record<string, number> {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const env = { ...process.env, OMP_NUM_THREADS: '1', MKL_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' };
  try {
    execFileSync(python, ['-c', 'import torch'], { stdio: 'ignore' });
  } catch {
    console.log(`not compared with PyTorch: ${python} has none`);
    return {};
  }
  return JSON.parse(execFileSync(python, [path, ...args.map(String)], { env, encoding: 'utf8' }));
}
