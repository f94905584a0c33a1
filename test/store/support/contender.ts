import { closeSync, openSync, rmSync } from 'node:fs';
import { lockFolder } from '../../../src/store/lock.ts';

/**
 * Takes a lock again and again, and marks the time that it holds it with a file that only one process can make: arguments are
 * folder and rounds. With rounds 0 it holds the lock until it is killed.
 */
const [, , folder = '', rounds = '0'] = process.argv;
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
process.stdout.write('ready\n');
await new Promise((resolve) => process.stdin.once('data', resolve));
if (rounds === '0') {
  await lockFolder(folder);
  process.stdout.write('held\n');
  setInterval(() => undefined, 1000);
} else {
  for (let round = 0; round < Number(rounds); round++) {
    try {
      const release = await lockFolder(folder);
      closeSync(openSync(`${folder}/held`, 'wx'));
      await pause(2);
      rmSync(`${folder}/held`);
      await release();
      process.stdout.write('won\n');
    } catch (cause) {
      process.stdout.write(`${cause instanceof Error ? cause.message.split('\n')[0] : cause}\n`);
    }
    await pause(Math.random() * 4);
  }
  process.exit(0);
}
