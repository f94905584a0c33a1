import type { Dim, Shape } from '../../base/dim.ts';
import type { IsAny } from './rank.ts';
import type { Bad, Good } from './result.ts';

type Indices<S extends Shape> = { [K in keyof S]: K extends `${infer N extends number}` ? N : never }[number];

/** S with its dims in the order that the permutation P names */
export type Transpose<S extends Shape, P extends readonly number[], Late> = number extends P[number]
  ? Good<{ -readonly [K in keyof S]: Dim }>
  : IsAny<S, Late> extends true
    ? // biome-ignore lint/suspicious/noExplicitAny: stays silent after a mistake
      Good<any>
    : number extends S['length']
      ? Good<{ -readonly [K in keyof P]: Dim }>
      : P['length'] extends S['length']
        ? [Exclude<Indices<S>, P[number]>] extends [never]
          ? Good<{ -readonly [K in keyof P]: S[P[K]] }>
          : Bad<`transpose: permutation lacks axis ${Exclude<Indices<S>, P[number]>}`>
        : Bad<`transpose: ${P['length']} axes given for rank ${S['length']}`>;
