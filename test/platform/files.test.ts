import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { FrondError } from '../../src/base/errors.ts';
import { fileFailure, systemFailure } from '../../src/platform/node/failure.ts';
import { files, platform } from '../../src/platform/node/index.ts';
import { temporaryFolder } from '../store/support/bundle.ts';

const folder = temporaryFolder();
afterAll(folder.remove);
const at = (...parts: string[]): string => join(folder.path, ...parts);
const failure = (work: Promise<unknown>): Promise<FrondError> =>
  work.then(
    () => expect.fail('an error was expected'),
    (cause) => cause,
  );

describe('files of Node', () => {
  it('are written and read, as bytes and as text', async () => {
    const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i);
    await files.writeDurably(at('bytes'), bytes);
    expect(await files.readBytes(at('bytes'))).toEqual(bytes);
    await files.writeDurably(at('bytes'), bytes.subarray(0, 3));
    expect(await files.readBytes(at('bytes'))).toEqual(bytes.subarray(0, 3));
    await files.writeDurably(at('nothing'), new Uint8Array(0));
    expect(await files.readBytes(at('nothing'))).toHaveLength(0);
    await files.writeDurably(at('text'), new TextEncoder().encode('äb\n'));
    expect(await files.readText(at('text'))).toBe('äb\n');
  });

  it('write every byte of a typed array of larger elements', async () => {
    const floats = Float32Array.from({ length: 1000 }, (_, i) => i / 7);
    await files.writeDurably(at('floats'), new Uint8Array(floats.buffer));
    expect(readFileSync(at('floats'))).toHaveLength(4000);
  });

  it('are written piece by piece, and read in part', async () => {
    async function* pieces() {
      for (const length of [3, 0, 5]) yield Uint8Array.from({ length }, (_, i) => 10 * length + i);
    }
    await files.writeDurably(at('pieces'), pieces());
    expect((await files.statOf(at('pieces'))).size).toBe(8);
    expect([...(await files.readRange(at('pieces'), 2, 5))]).toEqual([32, 50, 51]);
    expect(await files.readRange(at('pieces'), 8, 8)).toHaveLength(0);
    expect((await failure(files.readRange(at('pieces'), 6, 9))).message).toContain(
      `[FROND-F002] cannot read ${at('pieces')}: EIO`,
    );
    expect((await failure(files.statOf(at('no pieces')))).code).toBe('FROND-F041');
  });

  it('know files, folders and nothing from each other', async () => {
    mkdirSync(at('folder'));
    symlinkSync(at('nowhere'), at('broken'));
    const found = await Promise.all(
      ['bytes', 'folder', 'broken', 'bytes/inside'].map((name) => files.kindOf(at(name))),
    );
    expect(found).toEqual(['file', 'folder', 'none', 'none']);
    expect((await failure(files.kindOf(at('x'.repeat(5000))))).code).toBe('FROND-F002');
  });

  it('live in folders, made with all above them, listed in order, removed with what is in them', async () => {
    await files.makeFolder(at('a', 'b', 'c'));
    await files.makeFolder(at('a', 'b', 'c'));
    for (const name of ['z', 'y', '10', '9']) writeFileSync(at('a', 'b', 'c', name), '');
    expect(await files.list(at('a', 'b', 'c'))).toEqual(['10', '9', 'y', 'z']);
    await files.syncFolder(at('a'));
    await files.rename(at('a', 'b'), at('a', 'd'));
    expect(await files.list(at('a'))).toEqual(['d']);
    await files.remove(at('a'));
    await files.remove(at('a'));
    expect(existsSync(at('a'))).toBe(false);
    expect(files.nameOf(files.join('x', 'y', 'z.bin'))).toBe('z.bin');
  });

  it('are never read from a pipe or a device, which may not end', async () => {
    expect(spawnSync('mkfifo', [at('pipe')]).status).toBe(0);
    symlinkSync('/dev/zero', at('device'));
    for (const name of ['pipe', 'device']) {
      expect(await files.kindOf(at(name))).toBe('other');
      const { code, message } = await failure(files.readBytes(at(name)));
      expect([code, message.split('\n')[0]]).toEqual([
        'FROND-F042',
        `[FROND-F042] cannot read ${at(name)}: not a regular file`,
      ]);
      expect((await failure(files.readText(at(name)))).code).toBe('FROND-F042');
      expect((await failure(files.makeFolder(at(name, 'x')))).message).toContain('ENOTDIR');
    }
  });

  it('read into memory of their own, however small: views of it are the file and nothing else', async () => {
    await files.writeDurably(at('small'), Uint8Array.of(1, 2, 3));
    const bytes = await files.readBytes(at('small'));
    expect([bytes.byteOffset, bytes.buffer.byteLength, Buffer.isBuffer(bytes)]).toEqual([0, 3, false]);
  });

  it('say what the system means and what to do, for each of its codes', () => {
    const said = (code: string): string =>
      fileFailure('open', 'x', Object.assign(new Error(), { code })).message.replace(/\n {2}at x\n/, ' · ');
    expect(
      [
        'ENOSPC',
        'EDQUOT',
        'ENOENT',
        'EACCES',
        'EPERM',
        'EROFS',
        'EISDIR',
        'ENOTDIR',
        'EMFILE',
        'ENFILE',
        'ELOOP',
        'ENAMETOOLONG',
        'EFBIG',
        'EIO',
        'ENOMEM',
        'EOTHER',
      ].map(said),
    ).toMatchInlineSnapshot(`
      [
        "[FROND-F001] cannot open x: ENOSPC ·   hint: the disk is full: free some space and try again, what was there before is untouched",
        "[FROND-F001] cannot open x: EDQUOT ·   hint: the disk quota is used up: free some space and try again",
        "[FROND-F041] cannot open x: ENOENT ·   hint: check the path",
        "[FROND-F002] cannot open x: EACCES ·   hint: check the permissions",
        "[FROND-F002] cannot open x: EPERM ·   hint: check the permissions",
        "[FROND-F002] cannot open x: EROFS ·   hint: the file system is read-only: choose another folder",
        "[FROND-F002] cannot open x: EISDIR ·   hint: this is a folder, a file was expected",
        "[FROND-F002] cannot open x: ENOTDIR ·   hint: this is a file, a folder was expected",
        "[FROND-F002] cannot open x: EMFILE ·   hint: this process may not open more files: raise its limit (ulimit -n 1024)",
        "[FROND-F002] cannot open x: ENFILE ·   hint: the system may not open more files: close other programs",
        "[FROND-F002] cannot open x: ELOOP ·   hint: a symbolic link leads back to itself",
        "[FROND-F002] cannot open x: ENAMETOOLONG ·   hint: the path is too long: choose a shorter one",
        "[FROND-F002] cannot open x: EFBIG ·   hint: the file would be larger than the system allows (ulimit -f)",
        "[FROND-F002] cannot open x: EIO ·   hint: the disk reports an error: copy what you have and check it",
        "[FROND-F002] cannot open x: ENOMEM ·   hint: there is not enough memory",
        "[FROND-F002] cannot open x: EOTHER
        at x",
      ]
    `);
    // names of every object's own are no codes
    expect(said('constructor')).toBe('[FROND-F002] cannot open x: constructor\n  at x');
  });

  it('are named by errors that Node itself throws', () => {
    const thrown = (work: () => void): unknown => {
      try {
        return work();
      } catch (cause) {
        return systemFailure(cause)?.message;
      }
    };
    expect(thrown(() => mkdirSync(at('bytes', 'x')))).toContain(
      `[FROND-F002] cannot mkdir ${at('bytes', 'x')}: ENOTDIR`,
    );
    expect(thrown(() => readFileSync(at('never')))).toContain(
      `[FROND-F041] cannot open ${at('never')}: ENOENT`,
    );
    expect(systemFailure(new TypeError('x'))).toBe(undefined);
  });

  it('are made exclusively by one', async () => {
    const made = await Promise.all(
      Array.from({ length: 8 }, (_, i) => files.createExclusively(at('only'), `${i}`)),
    );
    expect(made.filter(Boolean)).toHaveLength(1);
    expect(readFileSync(at('only'), 'utf8')).toBe(String(made.indexOf(true)));
  });

  it('tell path and reason when they fail', async () => {
    const calls: readonly (readonly [string, string, () => Promise<unknown>])[] = [
      ['FROND-F041', `cannot read ${at('none')}: ENOENT`, () => files.readBytes(at('none'))],
      ['FROND-F002', `cannot read ${folder.path}: EISDIR`, () => files.readBytes(folder.path)],
      ['FROND-F041', `cannot list ${at('none')}: ENOENT`, () => files.list(at('none'))],
      ['FROND-F002', `cannot list ${at('bytes')}: ENOTDIR`, () => files.list(at('bytes'))],
      [
        'FROND-F002',
        `cannot make folder ${at('bytes', 'x')}: ENOTDIR`,
        () => files.makeFolder(at('bytes', 'x')),
      ],
      [
        'FROND-F041',
        `cannot write ${at('none', 'x')}: ENOENT`,
        () => files.writeDurably(at('none', 'x'), new Uint8Array(1)),
      ],
      ['FROND-F041', `cannot sync ${at('none')}: ENOENT`, () => files.syncFolder(at('none'))],
      ['FROND-F041', `cannot rename ${at('none')}: ENOENT`, () => files.rename(at('none'), at('some'))],
      [
        'FROND-F041',
        `cannot create ${at('none', 'x')}: ENOENT`,
        () => files.createExclusively(at('none', 'x'), ''),
      ],
    ];
    for (const [code, summary, call] of calls) {
      const error = await failure(call());
      expect([error.code, error.summary]).toEqual([code, summary]);
      expect(error.details.place?.file).toBeDefined();
      expect(error.details.hint).toBeDefined();
    }
  });

  it('of broken text are refused with the place of the first bad byte', async () => {
    const cases: readonly (readonly [readonly number[], number, number])[] = [
      [[0x61, 0x0a, 0x62, 0xff], 2, 2],
      [[0xc3], 1, 1],
      [[0xc3, 0xa4, 0xed, 0xa0, 0x80], 1, 3],
      [[0x0a, 0x0a, 0x0a, 0xf8], 4, 1],
    ];
    for (const [bytes, line, column] of cases) {
      writeFileSync(at('broken.txt'), Uint8Array.from(bytes));
      const error = await failure(files.readText(at('broken.txt')));
      expect(error.code).toBe('FROND-F004');
      expect(error.details.place).toEqual({ file: at('broken.txt'), line, column });
    }
  });
});

describe('the platform of Node', () => {
  it('hashes and knows living processes', async () => {
    expect(await platform.sha256(new TextEncoder().encode('abc'))).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
    expect(platform.processId).toBe(process.pid);
    expect(platform.isAlive(process.pid)).toBe(true);
    expect(platform.isAlive(process.ppid)).toBe(true);
    expect(platform.isAlive(2 ** 30)).toBe(false);
    expect(platform.cores).toBeGreaterThanOrEqual(1);
  });
});
