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

/** The number that each kind depends on. */
export const INITIALIZERS: Readonly<Record<Initializer['kind'], Readonly<Record<string, Kind>>>> = {
  zeros: {},
  ones: {},
  xavier: {},
  constant: { value: finite },
  normal: { deviation: notNegative },
  truncatedNormal: { deviation: notNegative },
  uniform: { limit: notNegative },
};

/** An object of a known kind with its number. */
export function isInitializer(value: unknown): value is Initializer {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return false;
  const { kind, ...settings } = value as Readonly<Record<string, unknown>>;
  const wanted = Object.entries(INITIALIZERS).find(([name]) => name === kind)?.[1];
  return wanted !== undefined && Object.entries(wanted).every(([name, { holds }]) => holds(settings[name]));
}
