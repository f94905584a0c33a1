import { afterAll, expect, it } from 'vitest';
import { interpreterDevice, palm } from '../../src/index.ts';
import { temporaryFolder } from '../store/support/bundle.ts';

// What a run hides of a text follows from seed, epoch and row alone: in any batch, of any size, in steps of several batches, after
// resuming, and always the same in evaluation.

const folder = temporaryFolder();
afterAll(folder.remove);

const WORDS = ['the', 'cat', 'dog', 'sees', 'hears', 'a', 'bird', 'tree', 'on', 'it'];
const texts = Array.from({ length: 41 }, (_, i) => {
  const length = 4 + ((i * 7) % 9);
  return { text: Array.from({ length }, (_, j) => WORDS[(i * 3 + j * j + j) % 10]).join(' '), row: i };
});
const tokenizer = palm.tokenizer.wordPiece({
  vocabulary: palm.tokenizer.buildWordPieces(
    texts.map(({ text }) => text),
    { size: 40, minimumCount: 1 },
  ),
});

interface Options {
  readonly batchSize?: number;
  readonly tokens?: number;
  readonly accumulate?: number;
  readonly seed?: number;
}

/** A run that notes what is hidden of each row: tokens as the model sees them, with the pieces to guess, in the order of packing. */
async function runOf({ accumulate = 1, seed = 4, ...batches }: Options) {
  const shown = new Map<number, string[]>();
  const sizes: number[] = [];
  const reader = await palm.reader.maskedLM({ train: texts, valid: texts }, { tokenizer, maximumLength: 16 });
  const pack: typeof reader.pack = (examples, size, draw) => {
    sizes.push(examples.length);
    const packed = reader.pack(examples, size, draw);
    let next = 0;
    for (const [i, example] of examples.entries()) {
      const from = i * size.time;
      const tokens = packed.tokens.data.slice(from, from + Number(packed.lengths.data[i]));
      const count = Number(packed.maskCounts.data[i]);
      const hidden = Array.from({ length: count }, () => {
        const place = Number(packed.maskPositions.data[next]) - from;
        return `${place}=${packed.maskLabels.data[next++]}`;
      });
      const row = texts.findIndex(({ text }) => text === example.text);
      shown.set(row, [...(shown.get(row) ?? []), `${tokens.join()} ${hidden.join()}`]);
    }
    return packed;
  };
  const trainer = palm.trainer('words', { device: interpreterDevice() });
  const { tokens } = tokenizer.vocabulary;
  const shape = { vocabulary: tokens.length, width: 8, layers: 1, heads: 1, maximumLength: 16 };
  trainer.buildForward(palm.backbone.bert(shape), palm.head.maskedLM({ vocabulary: tokens }));
  trainer.buildBackward({ optimizer: palm.adamW({ rate: 0.001 }), accumulate });
  trainer.fitReader({ ...reader, pack } as palm.Reader, { epochs: 2, seed, ...batches });
  return { trainer, shown, sizes };
}

const rowsOf = (shown: ReadonlyMap<number, readonly string[]>) => texts.map(({ row }) => shown.get(row));

it('is the same of a row in any batch, of any size, and after resuming', async () => {
  const known = await runOf({ batchSize: 8 });
  await known.trainer.train({ evaluate: null });
  const wanted = rowsOf(known.shown);
  // another text in each of the two epochs
  expect(wanted.every((each) => each?.length === 2)).toBe(true);
  expect(wanted.filter((each) => each?.[0] !== each?.[1]).length).toBeGreaterThan(35);
  for (const options of [
    { batchSize: 1 },
    { batchSize: 41 },
    { tokens: 100 },
    { batchSize: 4, accumulate: 3 },
  ]) {
    const { trainer, shown } = await runOf(options);
    await trainer.train({ evaluate: null });
    expect(rowsOf(shown), JSON.stringify(options)).toEqual(wanted);
    await trainer.close();
  }
  const other = await runOf({ batchSize: 8, seed: 5 });
  await other.trainer.train({ evaluate: null });
  expect(rowsOf(other.shown)).not.toEqual(wanted);
  await other.trainer.close();

  const cut = await runOf({ batchSize: 8 });
  for (let step = 0; step < 8; step++) await cut.trainer.trainStep();
  await cut.trainer.save(folder.path);
  await cut.trainer.close();
  const resumed = await runOf({ batchSize: 8 });
  await resumed.trainer.resume(folder.path);
  await resumed.trainer.train({ evaluate: null });
  for (const [row, each] of resumed.shown) expect(wanted[row]?.slice(-each.length)).toEqual(each);
  // an epoch is six steps, so eight steps are one epoch and two batches
  const left = 41 - [6, 7].reduce((sum, step) => sum + (cut.sizes[step] ?? 0), 0);
  expect([...resumed.shown.values()].flat()).toHaveLength(left);
  await resumed.trainer.close();
  await known.trainer.close();
});

it('is the same in every evaluation, whatever the run', async () => {
  const first = await runOf({ batchSize: 8 });
  const scores = await first.trainer.evaluate('valid');
  const wanted = rowsOf(first.shown);
  expect(await first.trainer.evaluate('valid')).toEqual(scores);
  expect(rowsOf(first.shown)).toEqual(wanted.map((each) => [...(each ?? []), ...(each ?? [])]));
  const other = await runOf({ batchSize: 3, seed: 9 });
  await other.trainer.evaluate('valid');
  expect(rowsOf(other.shown)).toEqual(wanted);
  await first.trainer.close();
  await other.trainer.close();
});
