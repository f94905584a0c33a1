/** How a parameter is filled at first: plain data in the graph; the values are a pure function of seed and name. */
export type Initializer =
  | { readonly kind: 'zeros' }
  | { readonly kind: 'ones' }
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'normal'; readonly deviation: number }
  | { readonly kind: 'truncatedNormal'; readonly deviation: number }
  | { readonly kind: 'uniform'; readonly limit: number }
  | { readonly kind: 'xavier' };

export const zeros = (): Initializer => ({ kind: 'zeros' });
export const ones = (): Initializer => ({ kind: 'ones' });
export const constant = (value: number): Initializer => ({ kind: 'constant', value });
/** Normal with mean 0. */
export const normal = (deviation: number): Initializer => ({ kind: 'normal', deviation });
/** Normal with mean 0, drawn again beyond two deviations. */
export const truncatedNormal = (deviation: number): Initializer => ({ kind: 'truncatedNormal', deviation });
/** Uniform in ±limit. */
export const uniform = (limit: number): Initializer => ({ kind: 'uniform', limit });
/** Uniform in ±√(6 / (fan-in + fan-out)) (Glorot and Bengio 2010). */
export const xavier = (): Initializer => ({ kind: 'xavier' });
