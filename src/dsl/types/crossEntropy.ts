import type { Dim, Shape } from '../../base/dim.ts';
import type { Compatible } from './identity.ts';
import type { IsAny } from './rank.ts';
import type { Bad, Good } from './result.ts';
import type { PrintShape } from './text.ts';

/** whether two shapes may be equal, compared from the right */
type Alike<A extends Shape, B extends Shape, Late> = { s: A } extends {
  s: readonly [...infer HeadA extends Shape, infer X extends Dim];
}
  ? { s: B } extends { s: readonly [...infer HeadB extends Shape, infer Y extends Dim] }
    ? Compatible<X, Y, Late> extends true
      ? Alike<HeadA, HeadB, Late>
      : false
    : B extends readonly []
      ? false
      : true
  : A extends readonly []
    ? B extends readonly [infer _First extends Dim, ...infer _Rest extends Shape]
      ? false
      : true
    : true;

/** logits [..., classes] and labels [...] → one loss per label */
export type CrossEntropy<L extends Shape, S extends Shape, Late> =
  IsAny<L, Late> extends true
    ? Good<S>
    : IsAny<S, Late> extends true
      ? // biome-ignore lint/suspicious/noExplicitAny: stays silent after a mistake
        Good<any>
      : { s: L } extends { s: readonly [...infer Rows extends Shape, infer _C extends Dim] }
        ? Alike<Rows, S, Late> extends true
          ? Good<S>
          : Bad<`crossEntropy: labels must be ${PrintShape<Rows>}, not ${PrintShape<S>}`>
        : L extends readonly []
          ? Bad<'crossEntropy: the logits is a scalar'>
          : Good<S>;
