import type { Dim } from '../../base/dim.ts';

/** `[batch, time, 128]` */
export type PrintShape<S> = S extends readonly [infer Head extends Dim, ...infer Rest]
  ? PrintRest<Rest, `${Head}`>
  : '[]';
type PrintRest<S, Text extends string> = S extends readonly [infer Head extends Dim, ...infer Rest]
  ? PrintRest<Rest, `${Text}, ${Head}`>
  : `[${Text}]`;

export type PrintDim<X> = readonly [X] extends readonly [infer D extends Dim] ? `${D}` : '?';

/** `128 and 256` */
export type Both<X, Y> = `${PrintDim<X>} and ${PrintDim<Y>}`;
