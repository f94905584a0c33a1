export {
  type ChainConstraints,
  type CrfLayer,
  type CrfLayerOptions,
  chainConstraints,
  constrain,
  crfLayer,
  FORBIDDEN,
  type LabelChain,
} from './crf.ts';
export {
  type EncoderBlockOptions,
  type EncoderOptions,
  encoder,
  encoderBlock,
  type FeedForwardOptions,
  feedForward,
  type SelfAttentionOptions,
  selfAttention,
} from './encoder.ts';
export {
  learnedPositions,
  type PositionOptions,
  prependSentence,
  prependVisible,
  type SentenceOptions,
  sentenceOf,
  tokensOf,
} from './sequence.ts';
export { type LabelScheme, readTag, schemeOf, type Tag } from './tags.ts';
