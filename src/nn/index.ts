export { type ChainConstraints, chainConstraints, constrain, FORBIDDEN, type LabelChain } from './chain.ts';
export { type CrfLayer, type CrfLayerOptions, crfLayer } from './crf.ts';
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
export { learnedPositions, type PositionOptions } from './position.ts';
export { prependSentence, prependVisible, type SentenceOptions, sentenceOf, tokensOf } from './sentence.ts';
export { type LabelScheme, readTag, schemeOf, type Tag } from './tags.ts';
