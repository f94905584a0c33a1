import { checkArguments } from '../base/arguments.ts';
import { INITIALIZERS, type Initializer } from '../ir/initializer.ts';

export type { Initializer };

/** The same, once its number is right. */
function checked(initializer: Initializer): Initializer {
  const { kind, ...settings } = initializer;
  checkArguments(kind, INITIALIZERS[kind], Object.values(settings), 'FROND-S019');
  return initializer;
}

/** 0 everywhere. */
export const zeros = (): Initializer => ({ kind: 'zeros' });
/** 1 everywhere. */
export const ones = (): Initializer => ({ kind: 'ones' });
/** The same value everywhere. */
export const constant = (value: number): Initializer => checked({ kind: 'constant', value });
/** Normal with mean 0. */
export const normal = (deviation: number): Initializer => checked({ kind: 'normal', deviation });
/** Normal with mean 0, drawn again beyond two deviations. */
export const truncatedNormal = (deviation: number): Initializer =>
  checked({ kind: 'truncatedNormal', deviation });
/** Uniform in ±limit. */
export const uniform = (limit: number): Initializer => checked({ kind: 'uniform', limit });
/** Uniform in ±√(6 / (fan-in + fan-out)) (Glorot and Bengio 2010). */
export const xavier = (): Initializer => ({ kind: 'xavier' });
