import { platform } from '#platform';
import { show } from '../../base/arguments.ts';
import { FrondError } from '../../base/errors.ts';
import { count as countKind } from '../../base/kinds.ts';

/** Threads where nobody asks for a number: more of them mostly wait for memory, or for each other. */
const MOST = 16;

export interface ThreadChoice {
  readonly threads: number;
  /** how many, and why not more: nothing is chosen silently */
  readonly note: string;
}

const count = (threads: number): string => (threads === 1 ? 'one thread' : `${threads} threads`);

/** @throws FROND-R028 for a number of threads that is none */
export function chooseThreads(asked: number | undefined): ThreadChoice {
  if (asked !== undefined && !countKind.holds(asked)) {
    throw new FrondError('FROND-R028', `wasmDevice: threads is ${show(asked)}`, {
      hint: 'give a whole number from 1 on, or leave it out: one for each core',
    });
  }
  const wanted = asked ?? Math.min(platform.cores, MOST);
  if (wanted === 1) return { threads: 1, note: count(1) };
  const refused = platform.threadsRefused();
  if (refused !== undefined) return { threads: 1, note: `${count(1)}: ${refused}` };
  return { threads: wanted, note: count(wanted) };
}
