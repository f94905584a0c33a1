export * from './crf.ts';
export {
  type Activation,
  type EncoderBlockOptions,
  type EncoderOptions,
  encoder,
  encoderBlock,
  type FeedForwardOptions,
  feedForward,
  type SelfAttentionOptions,
  selfAttention,
} from './encoder.ts';
export * from './sequence.ts';
export { type LabelScheme, readTag, schemeOf, type Tag } from './tags.ts';
