export { halfBits, halfValue } from '../../base/half.ts';
