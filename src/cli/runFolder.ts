import { existsSync, statSync } from 'node:fs';
import { FrondError } from '../base/errors.ts';

/** @throws FROND-U007 when `run` is no folder, before anything looks for checkpoints in it */
export function checkRun(run: string): void {
  const what = !existsSync(run)
    ? 'there is no folder'
    : statSync(run).isDirectory()
      ? undefined
      : 'not a folder:';
  if (what === undefined) return;
  throw new FrondError('FROND-U007', `${what} ${run}`, {
    hint: 'give the folder that frond train printed at its end, such as outputs/joint',
  });
}
