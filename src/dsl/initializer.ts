import { checkArguments } from '../base/arguments.ts';
import type { Kind } from '../base/kinds.ts';
import { INITIALIZERS, type Initializer } from '../ir/initializer.ts';

export type { Initializer };

function checked(caller: string, kinds: Readonly<Record<string, Kind>>, value: number): number {
  checkArguments(caller, kinds, [value], 'FROND-S019');
  return value;
}

export const zeros = (): Initializer => ({ kind: 'zeros' });
export const ones = (): Initializer => ({ kind: 'ones' });
export const constant = (value: number): Initializer => ({
  kind: 'constant',
  value: checked('constant', INITIALIZERS.constant, value),
});
/** Normal with mean 0. */
export const normal = (deviation: number): Initializer => ({
  kind: 'normal',
  deviation: checked('normal', INITIALIZERS.normal, deviation),
});
/** Normal with mean 0, drawn again beyond two deviations. */
export const truncatedNormal = (deviation: number): Initializer => ({
  kind: 'truncatedNormal',
  deviation: checked('truncatedNormal', INITIALIZERS.truncatedNormal, deviation),
});
/** Uniform in ±limit. */
export const uniform = (limit: number): Initializer => ({
  kind: 'uniform',
  limit: checked('uniform', INITIALIZERS.uniform, limit),
});
/** Uniform in ±√(6 / (fan-in + fan-out)) (Glorot and Bengio 2010). */
export const xavier = (): Initializer => ({ kind: 'xavier' });
