import { checkArguments } from '../base/arguments.ts';
import { finite, type Kind, notNegative } from '../base/kinds.ts';

/** How a parameter is filled at first: plain data in the graph; the values are a pure function of seed and name. */
export type Initializer =
  | { readonly kind: 'zeros' }
  | { readonly kind: 'ones' }
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'normal'; readonly deviation: number }
  | { readonly kind: 'truncatedNormal'; readonly deviation: number }
  | { readonly kind: 'uniform'; readonly limit: number }
  | { readonly kind: 'xavier' };

function checked(caller: string, kinds: Readonly<Record<string, Kind>>, value: number): number {
  checkArguments(caller, kinds, [value], 'FROND-S019');
  return value;
}

export const zeros = (): Initializer => ({ kind: 'zeros' });
export const ones = (): Initializer => ({ kind: 'ones' });
export const constant = (value: number): Initializer => ({
  kind: 'constant',
  value: checked('constant', { value: finite }, value),
});
/** Normal with mean 0. */
export const normal = (deviation: number): Initializer => ({
  kind: 'normal',
  deviation: checked('normal', { deviation: notNegative }, deviation),
});
/** Normal with mean 0, drawn again beyond two deviations. */
export const truncatedNormal = (deviation: number): Initializer => ({
  kind: 'truncatedNormal',
  deviation: checked('truncatedNormal', { deviation: notNegative }, deviation),
});
/** Uniform in ±limit. */
export const uniform = (limit: number): Initializer => ({
  kind: 'uniform',
  limit: checked('uniform', { limit: notNegative }, limit),
});
/** Uniform in ±√(6 / (fan-in + fan-out)) (Glorot and Bengio 2010). */
export const xavier = (): Initializer => ({ kind: 'xavier' });
