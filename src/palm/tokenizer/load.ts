import { checkArguments } from '../../base/arguments.ts';
import { FrondError } from '../../base/errors.ts';
import * as is from '../../base/kinds.ts';
import { own } from '../../base/own.ts';
import type { ComponentRecord } from '../contract.ts';
import { character, type Tokenizer, word } from './tokenizer.ts';
import { vocabularyFrom } from './vocabulary.ts';
import { wordPiece } from './wordPiece.ts';

const KINDS: Readonly<Record<string, (options: never) => Tokenizer>> = { word, character, wordPiece };

const recordKind = is.withFields('what a tokenizer was made of', { kind: is.text });

/**
 * Makes a tokenizer again from what a checkpoint keeps of it.
 * @throws FROND-D011, D023, T002 when the record is damaged, and T002 for a kind that is not known
 */
export function tokenizerFrom(record: ComponentRecord): Tokenizer {
  checkArguments('tokenizerFrom', { record: recordKind }, [record], 'FROND-T002');
  const { kind, vocabulary, ...settings } = record;
  const make = own(KINDS, kind);
  if (make === undefined) {
    throw new FrondError('FROND-T002', `there is no tokenizer of kind ${kind}`, {
      hint: `give one of ${Object.keys(KINDS).join(', ')}, or a tokenizer of your own`,
    });
  }
  const tokens: readonly unknown[] = Array.isArray(vocabulary) ? vocabulary : [];
  const unknown = is.text.holds(settings.unknown) ? settings.unknown : undefined;
  return make({ ...settings, vocabulary: vocabularyFrom(tokens, 'vocabulary', unknown) } as never);
}
