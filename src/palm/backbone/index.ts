export { type CompactOptions, compactEncoder } from './compact.ts';
