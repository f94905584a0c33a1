import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { interpreterDevice, palm } from '../../../src/index.ts';
import { temporaryFolder } from '../../store/support/bundle.ts';

// Checkpoints that earlier versions wrote, as `make.mjs` packs them: files as they are, and what those versions answered.

const folder = temporaryFolder();
afterAll(folder.remove);

interface Kept {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  readonly texts: readonly string[];
  readonly answers: palm.Predictions;
}

/** The same, with numbers that may differ in rounding. */
const near = (value: unknown): unknown => {
  if (typeof value === 'number') return expect.closeTo(value, 5);
  if (Array.isArray(value)) return value.map(near);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, near(one)]));
};

const packed = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.json.gz'));

describe('a checkpoint of an earlier version', () => {
  it.each(packed)('%s answers as that version did', async (file) => {
    const bytes = gunzipSync(readFileSync(join(import.meta.dirname, file)));
    const { name, files, texts, answers }: Kept = JSON.parse(bytes.toString());
    const inside = join(folder.path, file, 'checkpoints', name);
    mkdirSync(inside, { recursive: true });
    for (const [one, content] of Object.entries(files))
      writeFileSync(join(inside, one), Buffer.from(content, 'latin1'));
    const predictor = await palm.Predictor.load(join(folder.path, file), { device: interpreterDevice() });
    expect(predictor.checkpoint.skipped).toEqual([]);
    // later versions may say more
    expect(await predictor.predict(texts)).toMatchObject(near(answers) as object);
    predictor.free();
  });

  it('is there of more than one version', () => {
    expect(packed).toEqual(['alternating.json.gz', 'joint.json.gz']);
  });
});
