export { type Assembled, assembler } from './assembly.ts';
export { buildWordPieces, type WordPieceVocabularyOptions } from './build.ts';
export { fromTokenizerJson, tokenizerFrom } from './load.ts';
export {
  type CharacterOptions,
  character,
  type Piece,
  specialId,
  type Tokenizer,
  type WordOptions,
  word,
} from './tokenizer.ts';
export { type WordPieceOptions, wordPiece } from './wordPiece.ts';
