import { FrondError } from '../../base/errors.ts';
import { mapValues } from '../../base/own.ts';
import { declare } from '../../dsl/graph.ts';
import type { Batch, BatchSize, Specs } from '../contract.ts';
import type { Assembled } from '../tokenizer/assembly.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { PADDING } from '../tokenizer/vocabulary.ts';

/** What readers of texts give of their pieces. */
export const pieceSpecs = {
  /** ids of pieces, special ones included; [PAD] after the last one */
  tokens: declare('i32', ['batch', 'time']),
  /** 0, 1, 2, … in every row */
  positions: declare('i32', ['batch', 'time']),
  /** 0 for the first text and behind the last piece, 1 for the second text */
  segments: declare('i32', ['batch', 'time']),
  /** where there is a piece */
  mask: declare('bool', ['batch', 'time']),
  /** pieces of each row, at least 1 */
  lengths: declare('i32', ['batch']),
} as const;
export type PieceSpecs = typeof pieceSpecs;

/**
 * Rows of pieces as tensors. A row without an example has one piece, [PAD], so that attention sees something.
 * @throws FROND-D013 for more rows than the batch has, or a longer one
 */
export function packPieces(
  rows: readonly Assembled[],
  size: BatchSize,
  { special }: Tokenizer,
): Batch<PieceSpecs> {
  const { batch, time } = size;
  const longest = rows.reduce((most, { ids }) => Math.max(most, ids.length), 0);
  if (rows.length > batch || longest > time) {
    throw new FrondError(
      'FROND-D013',
      `${rows.length} rows of up to ${longest} pieces do not fit a batch of ${batch} rows of ${time}`,
    );
  }
  const tokens = new Int32Array(batch * time).fill(special.padding ?? PADDING);
  const segments = new Int32Array(batch * time);
  const lengths = Int32Array.from({ length: batch }, (_, row) => Math.max(1, rows[row]?.ids.length ?? 0));
  for (const [row, { ids, segments: of }] of rows.entries()) {
    tokens.set(ids, row * time);
    segments.set(of, row * time);
  }
  const [positions, mask] = [new Int32Array(batch * time), new Uint32Array(batch * time)];
  for (let i = 0; i < batch * time; i++) {
    positions[i] = i % time;
    mask[i] = +(i % time < (lengths[Math.floor(i / time)] ?? 0));
  }
  return shaped(pieceSpecs, { tokens, positions, segments, mask, lengths }, { ...size });
}

/** Numbers with the types and shapes that `specs` declares. */
export const shaped = <S extends Specs>(
  specs: S,
  data: { readonly [K in keyof S]: Batch[string]['data'] },
  sizes: Readonly<Record<string, number>>,
): Batch<S> =>
  mapValues(specs as Specs, ({ dtype, shape }, name) => ({
    dtype,
    shape: shape.map((dim) => sizes[dim] ?? Number(dim)),
    data: data[name as keyof S],
  })) as Batch<S>;
