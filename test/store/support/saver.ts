import { saveCheckpoint } from '../../../src/store/checkpoint.ts';
import { contentOf } from './content.ts';

/** Saves one checkpoint after the other until it is killed: arguments are folder, first step, size. */
const [, , folder = '', first = '1', size = '0'] = process.argv;
const contents = [0, 1].map((parity) => contentOf(parity, Number(size)).files.get('weights.bin'));
process.stdout.write('ready\n');
for (let step = Number(first); ; step++) {
  const { files, summary } = contentOf(step, 0);
  const weights = contents[step % 2] ?? new Uint8Array(0);
  await saveCheckpoint(folder, step, { files: new Map([...files, ['weights.bin', weights]]), summary });
  process.stdout.write(`saved ${step}\n`);
}
