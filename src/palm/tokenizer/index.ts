export { buildWordPieces, type WordPieceVocabularyOptions } from './build.ts';
export { tokenizerFrom } from './load.ts';
export {
  type CharacterOptions,
  character,
  type Piece,
  specialId,
  type Tokenizer,
  type WordOptions,
  word,
} from './tokenizer.ts';
export { fromTokenizerJson } from './tokenizerJson.ts';
export { type WordPieceOptions, wordPiece } from './wordPiece.ts';
