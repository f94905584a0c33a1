import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FrondError } from '../../src/base/errors.ts';
import { files } from '../../src/platform/browser/files.ts';
import { platform as page } from '../../src/platform/browser/index.ts';
import { loadLatest, saveCheckpoint, sweepTemporaries } from '../../src/store/checkpoint.ts';
import { bytesIn } from '../store/support/bytes.ts';
import { contentOf } from '../store/support/content.ts';
import { runs } from '../support/counts.ts';

const missing = (): never => {
  throw Object.assign(new Error('there is none'), { name: 'NotFoundError' });
};

/** A page's private file system as far as it matters here: what is written shows when the stream is closed. */
class Folder {
  readonly entries = new Map<string, Folder | { bytes: Uint8Array<ArrayBuffer> }>();
  async getDirectoryHandle(name: string, { create = false } = {}): Promise<Folder> {
    if (create && !this.entries.has(name)) this.entries.set(name, new Folder());
    const found = this.entries.get(name);
    return found instanceof Folder ? found : missing();
  }
  async getFileHandle(name: string, { create = false } = {}) {
    if (create && !this.entries.has(name)) this.entries.set(name, { bytes: new Uint8Array(0) });
    const file = this.entries.get(name);
    if (file === undefined || file instanceof Folder) return missing();
    return {
      getFile: async () => new Blob([file.bytes]),
      createWritable: async () => {
        const parts: Uint8Array<ArrayBuffer>[] = [];
        return {
          write: async (data: Uint8Array) => void parts.push(new Uint8Array(data)),
          close: async () => {
            file.bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
          },
          abort: async () => undefined,
        };
      },
    };
  }
  async removeEntry(name: string): Promise<void> {
    if (!this.entries.delete(name)) missing();
  }
  async *keys(): AsyncIterable<string> {
    yield* this.entries.keys();
  }
}

let root = new Folder();
beforeEach(() => {
  root = new Folder();
  vi.stubGlobal('navigator', { storage: { getDirectory: async () => root } });
});
afterEach(() => vi.unstubAllGlobals());

describe('the private file system of a page', () => {
  it('keeps checkpoints, the newest whole one first', async () => {
    for (const step of [1, 2, 3]) await saveCheckpoint('run', step, contentOf(step), { files });
    expect(await files.list('run')).toEqual(['step-000002', 'step-000003']);
    const loaded = await loadLatest('run', files);
    expect(loaded.step).toBe(3);
    expect(await bytesIn(loaded)).toEqual(contentOf(3).files);
    await files.writeDurably('run/step-000003/weights.bin', new Uint8Array(7));
    expect(await loadLatest('run', files)).toMatchObject({ step: 2, skipped: [{ name: 'step-000003' }] });
  });

  it('writes files piece by piece, and reads them in part', async () => {
    async function* pieces() {
      for (let i = 0; i < 3; i++) yield Uint8Array.of(2 * i, 2 * i + 1);
    }
    await files.writeDurably('x', pieces());
    expect([(await files.statOf('x')).size, [...(await files.readRange('x', 1, 4))]]).toEqual([6, [1, 2, 3]]);
    await expect(files.readRange('x', 4, 7)).rejects.toThrow(
      '[FROND-F002] cannot read x: the file ends before',
    );
    await expect(files.statOf('y')).rejects.toThrow('[FROND-F041] cannot read y');
  });

  it('shows nothing of a file whose pieces end in an error', async () => {
    async function* pieces() {
      yield new Uint8Array(3);
      throw new FrondError('FROND-R030', 'the device was lost');
    }
    await files.writeDurably('x', Uint8Array.of(1));
    await expect(files.writeDurably('x', pieces())).rejects.toThrow('[FROND-R030]');
    expect([...(await files.readBytes('x'))]).toEqual([1]);
  });

  it('copies a folder of more than one piece where it is renamed, and forgets what a save has left', async () => {
    const bytes = new Uint8Array(2 ** 22 + 5).map((_, i) => i % 253);
    await files.makeFolder('a');
    await files.writeDurably('a/x', bytes);
    await files.rename('a', 'run/step-000001.tmp');
    expect(Buffer.from(await files.readBytes('run/step-000001.tmp/x')).equals(bytes)).toBe(true);
    expect(await files.kindOf('a')).toBe('none');
    expect(await sweepTemporaries('run', files)).toEqual(['step-000001.tmp']);
  });
});

it('the hash of a page is that of Node, however the bytes are cut', () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 6 });
  fc.assert(
    fc.property(pieces, (all) => {
      const hash = page.startHash();
      for (const piece of all) hash.update(piece);
      expect(hash.digest()).toBe(createHash('sha256').update(Buffer.concat(all)).digest('hex'));
    }),
    { numRuns: runs(2000, 300), seed: 5 },
  );
});
