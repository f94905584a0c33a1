import { cpSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { FrondError } from '../../src/base/errors.ts';
import { files } from '../../src/platform/node/index.ts';
import type { Pieces } from '../../src/platform/types.ts';
import { loadLatest, readCheckpoint, saveCheckpoint } from '../../src/store/checkpoint.ts';
import { type ByteSource, PIECE, storedFile } from '../../src/store/file.ts';
import {
  openSafetensors,
  readSafetensors,
  type StoredTensors,
  streamSafetensors,
  type TensorPieces,
  writeSafetensors,
} from '../../src/store/safetensors.ts';
import { runs } from '../support/counts.ts';
import { temporaryFolder } from './support/bundle.ts';
import { bytesIn, cut, joined } from './support/bytes.ts';
import { contentOf } from './support/content.ts';
import { dice, randomSet } from './support/files.ts';
import { hostileFiles } from './support/hostile.ts';

const folder = temporaryFolder();
afterAll(folder.remove);
const at = (name: string): string => join(folder.path, name);

const streamed = ({ tensors, metadata }: StoredTensors, most: number) => ({
  metadata,
  tensors: new Map(
    [...tensors].map(([name, { dtype, shape, bytes }]): [string, TensorPieces] => [
      name,
      { dtype, shape, pieces: () => cut(bytes, most) },
    ]),
  ),
});

/** Bytes in memory, of which the longest range that was asked for is kept. */
function sourceOf(bytes: Uint8Array): ByteSource & { readonly longest: () => number } {
  let longest = 0;
  return {
    size: bytes.length,
    longest: () => longest,
    async read(begin = 0, end = bytes.length) {
      longest = Math.max(longest, end - begin);
      expect(begin >= 0 && begin <= end && end <= bytes.length, `${begin} … ${end}`).toBe(true);
      return bytes.slice(begin, end);
    },
  };
}

const verdict = async (work: () => unknown): Promise<string> => {
  try {
    await work();
    return 'accepted';
  } catch (error) {
    if (error instanceof FrondError) return error.message;
    throw error;
  }
};

describe('a safetensors file that is streamed', () => {
  it('has the bytes of one that is written at once, in pieces of any length', async () => {
    for (let i = 0; i < runs(500, 100); i++) {
      const set = randomSet(i);
      const bytes = await joined(streamSafetensors(streamed(set, 1 + (i % 13))));
      expect(Buffer.from(bytes).equals(writeSafetensors(set)), `${i}`).toBe(true);
    }
  });

  it('gives the tensors that reading at once gives', async () => {
    for (let i = 0; i < runs(500, 100); i++) {
      const bytes = writeSafetensors(randomSet(i));
      const { tensors, metadata } = readSafetensors(bytes);
      const opened = await openSafetensors(sourceOf(bytes), 'x');
      expect([...opened.metadata]).toEqual([...metadata]);
      const found = [...opened.tensors].map(async ([name, { dtype, shape, pieces }]) => {
        return [name, { dtype, shape, bytes: await joined(pieces()) }] as const;
      });
      expect(await Promise.all(found)).toEqual([...tensors]);
    }
  });

  it('is refused just as one that is read at once', async () => {
    const next = dice('streams');
    const changed = Array.from({ length: runs(5000, 500) }, (_, i) => {
      const bytes = writeSafetensors(randomSet(i % 40));
      bytes[next(bytes.length)] = next(256);
      return bytes.subarray(0, i % 3 === 0 ? next(bytes.length + 1) : bytes.length);
    });
    for (const bytes of [...hostileFiles().map((file) => file.bytes), ...changed]) {
      const wanted = await verdict(() => readSafetensors(bytes, 'x'));
      expect(await verdict(() => openSafetensors(sourceOf(bytes), 'x'))).toBe(wanted);
    }
  });

  it('reads and holds no more than 4 MiB of a large tensor', async () => {
    const bytes = new Uint8Array(2 * PIECE + 8).map((_, i) => i % 251);
    const set = {
      tensors: new Map([['x', { dtype: 'U8', shape: [bytes.length], bytes }]] as const),
      metadata: new Map(),
    };
    const source = sourceOf(writeSafetensors(set));
    const lengths: number[] = [];
    for await (const piece of (await openSafetensors(source, 'x')).tensors.get('x')?.pieces() ?? [])
      lengths.push(piece.length);
    expect(lengths).toEqual([PIECE, PIECE, 8]);
    expect(source.longest()).toBe(PIECE);
  });

  it('is refused where the pieces of a tensor do not add up', async () => {
    const short = { dtype: 'F32', shape: [3], pieces: () => cut(new Uint8Array(8), 4) } as const;
    const content = { tensors: new Map([['x', short]]), metadata: new Map() };
    expect(await verdict(() => joined(streamSafetensors(content)))).toMatch(
      /^\[FROND-W003\] tensor "x" cannot be stored: 8 bytes for F32 \[3\]/,
    );
  });
});

describe('a checkpoint that is streamed', () => {
  it('is the same however its files are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 99 }),
        fc.integer({ min: 1, max: 40 }),
        async (bytes, most) => {
          const save = async (name: string, content: Uint8Array | Pieces) => {
            const given = { files: new Map([['x', content]]), summary: {} };
            return readFileSync(join(await saveCheckpoint(at(name), 1, given), 'manifest.json'), 'utf8');
          };
          expect(await save('cut', cut(bytes, most))).toBe(await save('whole', bytes));
          for (const name of ['cut', 'whole']) await files.remove(at(name));
        },
      ),
      { numRuns: runs(100, 20), seed: 7 },
    );
  });

  it('leaves what was there, and no temporary folder, where its pieces end in an error', async () => {
    await saveCheckpoint(at('broken'), 1, contentOf(1));
    async function* broken(): Pieces {
      yield new Uint8Array(10);
      throw new FrondError('FROND-R030', 'the device was lost');
    }
    const content = { files: new Map([['x', broken()]]), summary: {} };
    expect(await verdict(() => saveCheckpoint(at('broken'), 2, content))).toContain('the device was lost');
    expect(await files.list(at('broken'))).toEqual(['step-000001']);
    const odd = {
      files: new Map([
        [
          'x',
          (async function* () {
            yield 'text' as never;
          })(),
        ],
      ]),
      summary: {},
    };
    expect(await verdict(() => saveCheckpoint(at('broken'), 2, odd))).toMatch(/piece is "text"/);
    expect(await files.list(at('broken'))).toEqual(['step-000001']);
  });

  it('is a typed error where a file becomes shorter after it was found whole', async () => {
    const path = await saveCheckpoint(at('shorter'), 1, contentOf(1));
    const file = (await readCheckpoint(path)).files.get('weights.bin');
    truncateSync(join(path, 'weights.bin'), 100);
    expect(await verdict(() => file?.read())).toMatch(/^\[FROND-F002\] cannot read .*weights.bin: EIO/);
    expect(await verdict(async () => joined(file ?? []))).toMatch(/^\[FROND-F002\] cannot read/);
    expect(await file?.read(20, 30)).toEqual(
      new Uint8Array(readFileSync(join(path, 'weights.bin')).subarray(20, 30)),
    );
  });
});

describe('a checkpoint that an earlier version wrote', () => {
  const earlier = fileURLToPath(new URL('./earlier', import.meta.url));

  it('loads, and is written the same again, byte for byte', async () => {
    cpSync(earlier, at('earlier'), { recursive: true });
    const loaded = await loadLatest(at('earlier'));
    expect([loaded.step, loaded.summary]).toEqual([7, { name: 'earlier', epoch: 1, steps: 12 }]);
    const path = join(loaded.folder, 'weights.safetensors');
    const { tensors, metadata } = await openSafetensors(await storedFile(path, files), path);
    const again = new Map<string, Uint8Array | Pieces>(await bytesIn(loaded));
    again.set('weights.safetensors', streamSafetensors({ tensors, metadata }));
    const saved = await saveCheckpoint(at('again'), 7, { files: again, summary: loaded.summary });
    for (const name of await files.list(loaded.folder))
      expect(readFileSync(join(saved, name)).equals(readFileSync(join(loaded.folder, name))), name).toBe(
        true,
      );
    expect([...tensors.keys()]).toEqual(['encoder/words', 'encoder/empty', 'head/ä']);
  });
});
