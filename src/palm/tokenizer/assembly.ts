import { checkArguments } from '../../base/arguments.ts';
import { FrondError } from '../../base/errors.ts';
import * as is from '../../base/kinds.ts';
import { type Piece, type Tokenizer, tokenizerKind } from './tokenizer.ts';

/** One row of a batch before it is padded: one or two texts between special tokens. */
export interface Assembled {
  readonly ids: readonly number[];
  /** 0 up to the separator of the first text, 1 for the second and its separator */
  readonly segments: readonly number[];
  /** the piece at each place; undefined for [CLS] and [SEP] */
  readonly pieces: readonly (Piece | undefined)[];
  /** pieces that did not fit */
  readonly dropped: number;
}

/** Puts the pieces of one or two texts in a row. */
export type Assembler = (first: readonly Piece[], second?: readonly Piece[]) => Assembled;

/**
 * How rows are assembled in BERT and its kin (Devlin et al. 2019): `[CLS] first [SEP]`, or `[CLS] first [SEP] second [SEP]`; special
 * tokens that the vocabulary does not have are left out. Pieces that do not fit are dropped one by one from the end of the longer
 * text, of the second where both are as long.
 * @param maximumLength most places in a row, special tokens included
 * @throws FROND-T002 for a length that has no room for a piece of each text
 */
export function assembler(tokenizer: Tokenizer, maximumLength: number): Assembler {
  const kinds = { tokenizer: tokenizerKind, maximumLength: is.count };
  checkArguments('assembler', kinds, [tokenizer, maximumLength], 'FROND-T002');
  const { cls, separator } = tokenizer.special;
  const piecesKind = is.listOf(is.object, 'pieces, such as encode gives');
  return (first, second) => {
    const kinds = { first: piecesKind, second: is.optional(piecesKind) };
    checkArguments('assemble', kinds, [first, second], 'FROND-T002');
    const texts = second === undefined ? [first] : [first, second];
    const specials = (cls === undefined ? 0 : 1) + (separator === undefined ? 0 : texts.length);
    const room = maximumLength - specials;
    if (room < texts.length) {
      const summary = `a row of ${maximumLength} has no room beside ${specials} special tokens`;
      throw new FrondError('FROND-T002', summary, {
        hint: `give a maximumLength of ${specials + texts.length} or more`,
      });
    }
    const kept = shares(first.length, second?.length ?? 0, room);
    const [ids, segments, pieces]: [number[], number[], (Piece | undefined)[]] = [[], [], []];
    const put = (id: number | undefined, segment: number, piece?: Piece): void => {
      if (id === undefined) return;
      ids.push(id);
      segments.push(segment);
      pieces.push(piece);
    };
    put(cls, 0);
    for (const [segment, text] of texts.entries()) {
      for (const piece of text.slice(0, kept[segment])) put(piece.id, segment, piece);
      put(separator, segment);
    }
    return { ids, segments, pieces, dropped: first.length + (second?.length ?? 0) - kept[0] - kept[1] };
  };
}

/** How many pieces of two texts stay, so that there are `room` of them at most. */
function shares(first: number, second: number, room: number): readonly [number, number] {
  const half = Math.ceil(room / 2);
  // what one text does not use of its half is the other's
  const longest = (other: number): number => Math.max(half, room - other);
  const a = Math.min(first, longest(second));
  return [a, Math.min(second, room - a)];
}
