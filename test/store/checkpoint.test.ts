import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FrondError } from '../../src/base/errors.ts';
import { files } from '../../src/platform/node/index.ts';
import type { Files } from '../../src/platform/types.ts';
import { loadLatest, readCheckpoint, saveCheckpoint, sweepTemporaries } from '../../src/store/checkpoint.ts';
import { runs } from '../support/counts.ts';
import { temporaryFolder } from './support/bundle.ts';
import { bytesIn } from './support/bytes.ts';
import { contentOf } from './support/content.ts';
import { dice } from './support/files.ts';

const folder = temporaryFolder();
afterAll(folder.remove);
let count = 0;
const fresh = (): string => join(folder.path, `run-${count++}`);

async function saved(steps: readonly number[], keep = 2): Promise<string> {
  const target = fresh();
  for (const step of steps) await saveCheckpoint(target, step, contentOf(step), { keep });
  return target;
}

/** How every manifest ends. */
const SEAL = /"seal": "[0-9a-f]*"\n\}\n$/;

/** Reading a pipe that nobody writes to would never end. */
function makePipe(path: string): void {
  rmSync(path);
  expect(spawnSync('mkfifo', [path]).status).toBe(0);
}

function relink(path: string, target: string): void {
  rmSync(path);
  symlinkSync(target, path);
}

const names = (target: string): string[] => readdirSync(target).sort();
const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'loaded',
    (error) => (error instanceof FrondError ? error.code : error),
  );

describe('a checkpoint', () => {
  it('gives back its files, its facts and its step', async () => {
    const target = await saved([7]);
    const loaded = await loadLatest(target);
    expect(loaded).toMatchObject({ step: 7, folder: join(target, 'step-000007'), skipped: [] });
    expect(loaded.summary).toEqual({ name: 'test', step: 7 });
    expect(await bytesIn(loaded)).toEqual(contentOf(7).files);
  });

  it('may be given in any bytes: a Buffer of shared memory, a part of an array', async () => {
    const target = fresh();
    const whole = Uint8Array.from({ length: 64 }, (_, i) => i);
    const files = new Map<string, Uint8Array>([
      ['buffer', Buffer.from('from the pool that small buffers share')],
      ['part', whole.subarray(3, 7)],
      ['part-of-a-buffer', Buffer.from(whole.buffer, 8, 5)],
    ]);
    await saveCheckpoint(target, 1, { files, summary: {} });
    const loaded = await bytesIn(await loadLatest(target));
    for (const [name, bytes] of files) expect([...(loaded.get(name) ?? [])]).toEqual([...bytes]);
  });

  it('may be empty, or at step 0, or at a step of many digits', async () => {
    const target = fresh();
    for (const step of [0, 999_999, 123_456_789]) {
      const path = await saveCheckpoint(target, step, { files: new Map(), summary: {} });
      expect(await readCheckpoint(path)).toEqual({ step, files: new Map(), summary: {} });
    }
    expect((await loadLatest(target)).step).toBe(123_456_789);
  });

  it('is kept as long as it is one of the newest', async () => {
    expect(names(await saved([1, 2, 3, 10]))).toEqual(['step-000003', 'step-000010']);
    expect(names(await saved([1, 2, 3], 1))).toEqual(['step-000003']);
    expect(names(await saved([1, 2, 3], 0))).toEqual(['step-000003']);
  });

  it('that is whole is not dropped for one that is damaged', async () => {
    const target = await saved([1, 2]);
    rmSync(join(target, 'step-000002', 'weights.bin'));
    await saveCheckpoint(target, 3, contentOf(3));
    expect(names(target)).toEqual(['step-000001', 'step-000003']);
  });

  it('is not read again when later ones are saved', async () => {
    const target = await saved([1, 2], 3);
    const read: string[] = [];
    const readRange: Files['readRange'] = (path, ...range) => {
      read.push(path);
      return files.readRange(path, ...range);
    };
    await saveCheckpoint(target, 3, contentOf(3), { keep: 3, files: { ...files, readRange } });
    expect(names(target)).toHaveLength(3);
    expect(read.filter((path) => !path.endsWith('manifest.json'))).toEqual([]);
  });

  it('is not written again when it holds the same', async () => {
    const target = await saved([1]);
    const before = readFileSync(join(target, 'step-000001', 'manifest.json'));
    expect(await saveCheckpoint(target, 1, contentOf(1))).toBe(join(target, 'step-000001'));
    expect(names(target)).toEqual(['step-000001']);
    expect(readFileSync(join(target, 'step-000001', 'manifest.json')).equals(before)).toBe(true);
  });

  it('of another state of the same step stands beside the first and is newer', async () => {
    const target = await saved([1]);
    const files = new Map(contentOf(5).files);
    for (const revision of [1, 2]) {
      files.set('more.bin', Uint8Array.of(revision));
      const path = await saveCheckpoint(target, 1, { files, summary: {} });
      expect(path).toBe(join(target, `step-000001.${revision}`));
    }
    expect(names(target)).toEqual(['step-000001.1', 'step-000001.2']);
    expect((await bytesIn(await loadLatest(target))).get('more.bin')).toEqual(Uint8Array.of(2));
  });

  it('of an earlier step than the newest is refused: it would never be loaded', async () => {
    const target = await saved([5]);
    expect(await codeOf(saveCheckpoint(target, 4, contentOf(4)))).toBe('FROND-F021');
    expect(names(target)).toEqual(['step-000005']);
    // a damaged newer one does not count: a run goes on from the one before
    rmSync(join(target, 'step-000005', 'manifest.json'));
    await saveCheckpoint(target, 4, contentOf(4));
    expect((await loadLatest(target)).step).toBe(4);
    await saveCheckpoint(target, 5, contentOf(5));
    expect((await loadLatest(target)).folder).toBe(join(target, 'step-000005.1'));
  });

  it('leaves no temporary folder of an earlier, interrupted save', async () => {
    const target = await saved([1]);
    for (const name of ['step-000002.tmp', 'step-000001.1.tmp', 'other.tmp'])
      cpSync(join(target, 'step-000001'), join(target, name), { recursive: true });
    expect((await loadLatest(target)).step).toBe(1);
    expect(await sweepTemporaries(target)).toEqual(['step-000001.1.tmp', 'step-000002.tmp']);
    expect(names(target)).toEqual(['other.tmp', 'step-000001']);
    expect(await sweepTemporaries(join(target, 'nowhere'))).toEqual([]);
  });
});

describe('a damaged checkpoint', () => {
  const damages: readonly (readonly [string, RegExp, (path: string) => void])[] = [
    ['no manifest', /manifest.json is missing/, (path) => rmSync(join(path, 'manifest.json'))],
    [
      'an empty manifest',
      /malformed JSON at offset 0/,
      (path) => writeFileSync(join(path, 'manifest.json'), ''),
    ],
    [
      'a manifest that is a number',
      /its manifest is malformed/,
      (path) => writeFileSync(join(path, 'manifest.json'), '1\n'),
    ],
    [
      'a manifest of bytes',
      /not UTF-8/,
      (path) => writeFileSync(join(path, 'manifest.json'), Buffer.of(255)),
    ],
    ['a missing file', /weights.bin is missing/, (path) => rmSync(join(path, 'weights.bin'))],
    [
      'a longer file',
      /weights.bin has 301 bytes, not 300/,
      (path) => writeFileSync(join(path, 'weights.bin'), 'x', { flag: 'a' }),
    ],
    [
      'a shorter file',
      /weights.bin has 0 bytes, not 300/,
      (path) => writeFileSync(join(path, 'weights.bin'), ''),
    ],
    [
      'another file of that size',
      /the content of weights.bin has changed/,
      (path) => writeFileSync(join(path, 'weights.bin'), Buffer.alloc(300)),
    ],
    [
      'a folder in place of its manifest',
      /manifest.json is no regular file/,
      (path) => {
        rmSync(join(path, 'manifest.json'));
        mkdirSync(join(path, 'manifest.json'));
      },
    ],
    [
      'a pipe in place of its manifest',
      /manifest.json is no regular file/,
      (path) => makePipe(join(path, 'manifest.json')),
    ],
    [
      'a pipe in place of a file',
      /weights.bin is no regular file/,
      (path) => makePipe(join(path, 'weights.bin')),
    ],
    [
      'a device in place of a file',
      /weights.bin is no regular file/,
      (path) => relink(join(path, 'weights.bin'), '/dev/zero'),
    ],
    [
      'a link that leads out of it',
      /weights.bin is a link that leads elsewhere/,
      (path) => relink(join(path, 'weights.bin'), '../step-000001/weights.bin'),
    ],
    ['a link that leads back to itself', /ELOOP/, (path) => relink(join(path, 'weights.bin'), 'weights.bin')],
    [
      'another name',
      /its manifest is that of step 2/,
      (path) => renameSync(path, path.replace('000002', '000003')),
    ],
  ];

  it.each(damages)('with %s is passed over, with the reason', async (_, reason, damage) => {
    const target = await saved([1, 2]);
    damage(join(target, 'step-000002'));
    const { step, skipped, ...loaded } = await loadLatest(target);
    expect(step).toBe(1);
    expect(await bytesIn(loaded)).toEqual(contentOf(1).files);
    expect(skipped.map((skip) => skip.reason)).toEqual([expect.stringMatching(reason)]);
  });

  it('is found out whatever bit or byte of its files is changed', async () => {
    const target = await saved([1]);
    const path = join(target, 'step-000001');
    const next = dice('damage');
    for (let i = 0; i < runs(5000, 250); i++) {
      const name = ['manifest.json', 'manifest.json', 'weights.bin', 'progress.json'][i % 4] ?? '';
      const before = readFileSync(join(path, name));
      const after = Buffer.from(before);
      const at = next(after.length);
      if (i % 3 === 0) after[at] = (after[at] ?? 0) ^ (1 << next(8));
      else after[at] = next(256);
      const cut = i % 7 === 0 ? after.subarray(0, at) : after;
      writeFileSync(join(path, name), cut);
      expect(await codeOf(readCheckpoint(path))).toBe(cut.equals(before) ? 'loaded' : 'FROND-F010');
      writeFileSync(join(path, name), before);
    }
    expect(await codeOf(readCheckpoint(path))).toBe('loaded');
  });

  it('is loaded as it was, or not at all, whatever its manifest says under a seal of its own', async () => {
    const target = await saved([1]);
    const path = join(target, 'step-000001');
    const manifest = join(path, 'manifest.json');
    const original = readFileSync(manifest, 'utf8');
    const next = dice('sealed manifests');
    const pieces = [
      '"',
      '{',
      '}',
      '[',
      ',',
      ':',
      '1',
      '-1',
      '1e400',
      'null',
      '__proto__',
      '../',
      '/dev/zero',
      '',
    ];
    for (let i = 0; i < runs(4000, 150); i++) {
      const at = next(original.length);
      const piece = pieces[next(pieces.length)] ?? '';
      const changed = original.slice(0, at) + piece + original.slice(at + next(12));
      const seal = createHash('sha256').update(changed.replace(SEAL, '"seal": ""\n}\n')).digest('hex');
      writeFileSync(manifest, changed.replace(SEAL, `"seal": "${seal}"\n}\n`));
      const found = await readCheckpoint(path).catch((cause) => cause);
      if (found instanceof FrondError) expect(['FROND-F010', 'FROND-F011'], changed).toContain(found.code);
      // without one of its files, or with other facts, at most
      else
        for (const [name, bytes] of await bytesIn(found))
          expect(bytes, changed).toEqual(contentOf(1).files.get(name));
    }
  });

  it('whose manifest was written for other content is not loaded', async () => {
    const target = await saved([1, 2]);
    const manifest = (step: number) => join(target, `step-00000${step}`, 'manifest.json');
    const text = readFileSync(manifest(2), 'utf8');
    for (const forged of [
      text.replace('"size": 300', '"size": 301'),
      text.replace('weights.bin', '../../../weights.bin'),
      text.replace('"step": 2', '"step": 3'),
      text.replace('"name": "test"', '"name": "best"'),
      text.replace(/"seal": "\w+"/, '"seal": ""'),
      text.replace(/,\n {2}"seal": "\w+"/, ''),
      `${text}\n`,
    ]) {
      expect(forged).not.toBe(text);
      writeFileSync(manifest(2), forged);
      expect(await codeOf(readCheckpoint(join(target, 'step-000002')))).toBe('FROND-F010');
      expect((await loadLatest(target)).step).toBe(1);
    }
  });
});

describe('a folder', () => {
  it('without checkpoints, or with damaged ones only, has none to load', async () => {
    const target = await saved([1]);
    expect(await codeOf(loadLatest(fresh()))).toBe('FROND-F012');
    rmSync(join(target, 'step-000001', 'manifest.json'));
    writeFileSync(join(target, 'notes.txt'), 'step-000009');
    writeFileSync(join(target, 'step-000009'), 'a file, not a folder');
    const error = await loadLatest(target).catch((cause) => cause);
    expect(error.summary).toBe(
      `there is no whole checkpoint in ${target} (damaged: step-000009, step-000001)`,
    );
  });

  it('with a checkpoint of a later format is left to a later frond', async () => {
    const target = await saved([1, 2]);
    const path = join(target, 'step-000002', 'manifest.json');
    const { createHash } = await import('node:crypto');
    const later = readFileSync(path, 'utf8')
      .replace('"format": 1', '"format": 2')
      .replace(/"seal": "\w+"/, '"seal": ""');
    const seal = createHash('sha256').update(later).digest('hex');
    writeFileSync(path, later.replace('"seal": ""', `"seal": "${seal}"`));
    expect(await codeOf(loadLatest(target))).toBe('FROND-F011');
    expect(await codeOf(saveCheckpoint(target, 2, contentOf(2)))).toBe('FROND-F011');
    expect(await codeOf(saveCheckpoint(target, 1, contentOf(1)))).toBe('FROND-F011');
    expect(names(target)).toEqual(['step-000001', 'step-000002']);
  });
});
