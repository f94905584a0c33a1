import * as is from '../base/kinds.ts';
import { own } from '../base/own.ts';

/** How a parameter can be filled at first, with the number that each kind depends on. */
export const INITIALIZERS = {
  zeros: {},
  ones: {},
  xavier: {},
  constant: { value: is.finite },
  normal: { deviation: is.notNegative },
  truncatedNormal: { deviation: is.notNegative },
  uniform: { limit: is.notNegative },
};
type Table = typeof INITIALIZERS;

/** Plain data in the graph; the values are a pure function of seed and name. */
export type Initializer = {
  [K in keyof Table]: { readonly kind: K } & { readonly [N in keyof Table[K]]: number };
}[keyof Table];

/** The numbers that a kind depends on; undefined where there is no such kind. */
export const settingsOf = (kind: unknown): is.Kinds | undefined =>
  typeof kind === 'string' ? own<is.Kinds>(INITIALIZERS, kind) : undefined;

/** An object of a known kind with its number. */
export function isInitializer(value: unknown): value is Initializer {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return false;
  const { kind, ...settings } = value as Readonly<Record<string, unknown>>;
  const wanted = settingsOf(kind);
  return wanted !== undefined && Object.entries(wanted).every(([name, { holds }]) => holds(settings[name]));
}
