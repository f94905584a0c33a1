export * from './crf.ts';
export * from './encoder.ts';
export * from './sequence.ts';
export { type LabelScheme, readTag, schemeOf, type Tag } from './tags.ts';
