import { ceilingsOf } from './ceilings.ts';
import { Races } from './race.ts';
import { type Context, comparedRow, type Row, rowOf, time } from './row.ts';

export const about =
  'linear-chain CRF, log-likelihood and all gradients, 32 sequences of 32 steps, 130 labels';

const sizes = { batch: 32, time: 32, labels: 130 };

export async function run({ quick }: Context): Promise<readonly Row[]> {
  const races = new Races(quick ? { rounds: 2, milliseconds: 200 } : { rounds: 10, milliseconds: 300 });
  const ceilings = await ceilingsOf(races);
  const rows: Row[] = [...ceilings.rows];
  const { batch, time: steps, labels } = sizes;
  const row = { case: `${batch}x${steps}x${labels}`, what: 'log-likelihood and gradient' };
  // sums over all pairs of labels at each step: once forward, once backward, once for the gradient by transitions
  const flops = 3 * 2 * batch * (steps - 1) * labels * labels;
  const floor = ceilings.arithmetic === undefined ? undefined : flops / ceilings.arithmetic / 1e6;
  rows.push({
    ...row,
    what: 'floor: work at the ceiling',
    by: 'this machine',
    threads: 1,
    value: floor,
    unit: 'ms',
  });
  for (const threads of [1, 2]) {
    const figures = await races.race([
      { name: 'frond', file: 'frond.ts', what: 'crf', options: { ...sizes, device: 'wasm', threads } },
      { name: 'PyTorch', file: 'peers/pytorch.py', what: 'crf', options: { ...sizes, threads } },
      ...(threads === 1
        ? [
            {
              name: 'interpreter',
              file: 'frond.ts',
              what: 'crf',
              options: { ...sizes, device: 'interpreter', threads },
            },
          ]
        : []),
    ]);
    const [ours, theirs] = [figures.get('frond'), figures.get('PyTorch')];
    const limits = { asked: { of: 'ratio', least: 6 }, aim: { of: 'ratio', least: 12 } } as const;
    rows.push(
      rowOf({ ...row, by: 'frond wasm', threads }, time, ours),
      comparedRow(
        rowOf(
          { ...row, by: 'PyTorch, loop over time', threads, compared: 'frond ÷ PyTorch', ...limits },
          time,
          theirs,
        ),
        ours,
        theirs,
      ),
    );
    if (threads === 1)
      rows.push(rowOf({ ...row, by: 'frond interpreter', threads }, time, figures.get('interpreter')));
  }
  races.end();
  return rows;
}
