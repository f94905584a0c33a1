/** What the scripts that make data have in common: random numbers from a seed, and files that are written or checked. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { argv, exit } from 'node:process';

/** FNV-1a with a final mix (Murmur3's), so that similar words land far apart. */
export function hash(text) {
  let h = 0x811c9dc5;
  for (const character of text) h = Math.imul(h ^ character.codePointAt(0), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Numbers in [0, 1) from a seed: Weyl sequence through the same mix. */
export function randomNumbers(seed) {
  let counter = 0;
  const next = () => hash(`${seed}/${counter++}`) / 2 ** 32;
  return {
    chance: (probability) => next() < probability,
    pick: (list) => list[Math.floor(next() * list.length)],
  };
}

/** Writes files; with `--check` on the command line writes none, and fails where one is not what it would be. */
export async function settle(files) {
  const check = argv.includes('--check');
  const stale = [];
  for (const { path, text } of files) {
    if (check) {
      if ((await readFile(path, 'utf8').catch(() => '')) !== text) stale.push(path);
    } else {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
    }
  }
  for (const path of stale) console.error(`${path} is not what this script makes`);
  if (stale.length > 0) exit(1);
  console.log(`${files.length} files ${check ? 'are as made' : 'written'}`);
}
