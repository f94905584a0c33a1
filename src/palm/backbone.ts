// The public names of backbones: what `palm.backbone` has.
export { type BertOptions, bert, bertConfig } from './bert.ts';
export { type CompactOptions, compactEncoder } from './compact.ts';
