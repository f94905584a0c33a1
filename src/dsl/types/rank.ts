import type { Shape } from '../../base/dim.ts';
import type { Same } from './identity.ts';

/** 'any' after a mistake, 'open' for a shape of unknown rank, else 'known'; decided at once for `[...S, D]` too */
export type Rank<S extends Shape, Late> =
  // biome-ignore lint/suspicious/noExplicitAny: recognises the shape that follows a mistake
  Same<S, any, Late> extends true ? 'any' : Same<S['length'], number, Late> extends true ? 'open' : 'known';

/** true for the shape that follows a mistake */
// biome-ignore lint/suspicious/noExplicitAny: recognises the shape that follows a mistake
export type IsAny<S, Late> = Same<S, any, Late>;
