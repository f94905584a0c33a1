import { saveCheckpoint } from '../../../src/store/checkpoint.ts';
import { cut, given } from './bytes.ts';
import { contentOf } from './content.ts';

/** Saves one checkpoint after the other until it is killed: arguments are folder, first step, size. */
const [, , folder = '', first = '1', size = '0'] = process.argv;
const contents = [0, 1].map((parity) => given(contentOf(parity, Number(size)), 'weights.bin'));
process.stdout.write('ready\n');
for (let step = Number(first); ; step++) {
  const { files, summary } = contentOf(step, 0);
  const weights = contents[step % 2] ?? new Uint8Array(0);
  const streamed = new Map<string, Uint8Array | AsyncIterable<Uint8Array>>(files);
  streamed.set('weights.bin', cut(weights, 2 ** 18));
  await saveCheckpoint(folder, step, { files: streamed, summary });
  process.stdout.write(`saved ${step}\n`);
}
