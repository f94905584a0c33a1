import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { FrondError } from '../../src/base/errors.ts';
import { files as nodeFiles } from '../../src/platform/node/index.ts';
import type { Files } from '../../src/platform/types.ts';
import { loadLatest, saveCheckpoint, sweepTemporaries } from '../../src/store/checkpoint.ts';
import { temporaryFolder } from './support/bundle.ts';
import { bytesIn, joined } from './support/bytes.ts';
import { contentOf } from './support/content.ts';

/** Calls to the file system so far, and which one is to fail how. */
const plan = vi.hoisted(() => {
  // files of one worker share modules: what follows is to be loaded with the calls below
  vi.resetModules();
  return {
    calls: [] as string[],
    failAt: -1,
    failure: '',
    /** true once the planned call came */
    fired: false,
  };
});

vi.mock('node:fs/promises', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:fs/promises')>();
  type Write = (bytes: Uint8Array, offset: number, length: number) => Promise<{ bytesWritten: number }>;
  const due = (name: string): boolean => {
    plan.calls.push(name);
    const now = plan.calls.length - 1 === plan.failAt && (plan.failure !== 'short' || name === 'write');
    plan.fired ||= now;
    return now;
  };
  const failing = <A extends unknown[], R>(name: string, call: (...args: A) => Promise<R>) => {
    return async (...args: A): Promise<R> => {
      if (due(name)) throw Object.assign(new Error(`${plan.failure}: planned`), { code: plan.failure });
      return call(...args);
    };
  };
  const open: typeof real.open = async (...args) => {
    const handle = await failing('open', real.open)(...args);
    const write: Write = handle.write.bind(handle);
    const shorter: Write = async (bytes, offset, length) => {
      if (!due('write')) return write(bytes, offset, length);
      if (plan.failure === 'short') return write(bytes, offset, Math.max(1, length >> 1));
      await write(bytes, offset, length >> 1);
      throw Object.assign(new Error(`${plan.failure}: planned`), { code: plan.failure });
    };
    const close = handle.close.bind(handle);
    return Object.assign(handle, {
      write: shorter,
      sync: failing('sync', handle.sync.bind(handle)),
      // a failing close still closes
      close: async () => {
        await close();
        await failing('close', async () => undefined)();
      },
    });
  };
  return {
    ...real,
    open,
    mkdir: failing('mkdir', real.mkdir as (...args: unknown[]) => Promise<string | undefined>),
    readdir: failing('readdir', real.readdir as unknown as (...args: unknown[]) => Promise<string[]>),
    readFile: failing('readFile', real.readFile as unknown as (...args: unknown[]) => Promise<Buffer>),
    rename: failing('rename', real.rename),
    rm: failing('rm', real.rm),
    stat: failing('stat', real.stat as (...args: unknown[]) => Promise<unknown>),
    realpath: failing('realpath', real.realpath as (...args: unknown[]) => Promise<string>),
  };
});

const folder = temporaryFolder();
afterAll(folder.remove);
afterAll(() => {
  vi.doUnmock('node:fs/promises');
  vi.resetModules();
});
afterEach(() => {
  plan.failAt = -1;
});

async function save(target: string, step: number): Promise<unknown> {
  try {
    await saveCheckpoint(target, step, contentOf(step), {});
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Whole checkpoints 1 and 2, then one of step 3 during which call number `failAt` fails. */
async function saveWithFault(target: string, failAt: number, failure: string): Promise<unknown> {
  mkdirSync(target, { recursive: true });
  await save(target, 1);
  await save(target, 2);
  Object.assign(plan, { calls: [], failAt, failure, fired: false });
  const error = await save(target, 3);
  plan.failAt = -1;
  return error;
}

describe('a save', () => {
  it('opens, writes, flushes and closes every file, and flushes folders before and after the rename', async () => {
    await saveWithFault(join(folder.path, 'order'), -1, '');
    const file = ['open', 'write', 'sync', 'close'];
    const text = plan.calls.join(' ');
    expect(text).toContain(
      [...file, ...file, ...file, 'open sync close', 'rename', 'open sync close'].join(' '),
    );
  });

  it.each(['ENOSPC', 'EIO', 'EPERM'])(
    'leaves a whole checkpoint when any call fails with %s',
    async (failure) => {
      const outcomes = { old: 0, new: 0 };
      for (let failAt = 0; ; failAt++) {
        const target = join(folder.path, failure, String(failAt));
        const error = await saveWithFault(target, failAt, failure);
        if (!plan.fired) {
          expect(error).toBeUndefined();
          break;
        }
        const { step, ...loaded } = await loadLatest(target);
        expect(await bytesIn(loaded)).toEqual(contentOf(step).files);
        expect([2, 3]).toContain(step);
        outcomes[step === 2 ? 'old' : 'new']++;
        const call = plan.calls[failAt];
        if (error === undefined) {
          // only what tidies up, or looks whether an older checkpoint is worth keeping, may fail unseen
          expect(
            ['rm', 'stat', 'realpath', 'open', 'readFile', 'close', 'readdir'],
            `${call} at ${failAt}`,
          ).toContain(call);
          expect(step).toBe(3);
        } else {
          expect(error).toBeInstanceOf(FrondError);
          expect((error as FrondError).code).toBe(failure === 'ENOSPC' ? 'FROND-F001' : 'FROND-F002');
          expect((error as FrondError).message).toContain(target);
          expect((error as FrondError).message).toContain(failure);
        }
        expect(await sweepTemporaries(target)).toEqual([]);
        expect(readdirSync(target).every((name) => /^step-\d{6}$/.test(name))).toBe(true);
        // and the next save goes through
        expect(await save(target, 3)).toBeUndefined();
        expect((await loadLatest(target)).step).toBe(3);
      }
      expect(outcomes.old).toBeGreaterThan(12);
      expect(outcomes.new).toBeGreaterThan(0);
    },
  );

  it('goes on where a write took less than it was given', async () => {
    let hit = 0;
    const { length } = plan.calls;
    for (let failAt = 0; failAt < length + 10; failAt++) {
      const target = join(folder.path, 'short', String(failAt));
      if (plan.calls[failAt] !== undefined && plan.calls[failAt] !== 'write' && failAt > 0) continue;
      expect(await saveWithFault(target, failAt, 'short')).toBeUndefined();
      hit += Number(plan.fired);
      const { step, ...loaded } = await loadLatest(target);
      expect([step, ...(await bytesIn(loaded))]).toEqual([3, ...contentOf(3).files]);
    }
    expect(hit).toBe(3);
  });
});

describe('a file system that lies', () => {
  /** Files of the platform with one call changed. */
  const target = (name: string): string => join(folder.path, 'lies', name);

  it('about what it wrote costs the new checkpoint, not the old one', async () => {
    await save(target('short'), 1);
    const files: Files = {
      ...nodeFiles,
      writeDurably: async (path, content) => {
        const bytes = await joined(content instanceof Uint8Array ? [content] : content);
        const half = bytes.subarray(0, bytes.length >> 1);
        await nodeFiles.writeDurably(path, path.endsWith('weights.bin') ? half : bytes);
      },
    };
    await saveCheckpoint(target('short'), 2, contentOf(2), { files });
    const { step, skipped } = await loadLatest(target('short'));
    expect(step).toBe(1);
    expect(skipped).toEqual([
      {
        name: 'step-000002',
        reason: `checkpoint ${join(target('short'), 'step-000002')} is not whole: weights.bin has 150 bytes, not 300`,
      },
    ]);
  });

  it.each(['makeFolder', 'writeDurably', 'syncFolder', 'rename', 'remove', 'list'] as const)(
    'or fails in %s gives its own error and keeps the old checkpoint',
    async (call) => {
      await save(target(call), 1);
      const failing = async (path: string): Promise<never> => {
        throw new FrondError('FROND-F001', `cannot ${call} ${path}: ENOSPC`);
      };
      const files: Files = { ...nodeFiles, [call]: failing };
      const error = await saveCheckpoint(target(call), 2, contentOf(2), { files }).catch((cause) => cause);
      expect(error.message).toContain(`cannot ${call} ${target(call)}`);
      const { step, ...loaded } = await loadLatest(target(call));
      expect(await bytesIn(loaded)).toEqual(contentOf(step).files);
    },
  );
});
