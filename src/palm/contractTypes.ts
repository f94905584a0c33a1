import type { PrintShape } from '../dsl/types/result.ts';
import type { Backbone, Head, Reader, Specs } from './contract.ts';

// What does not fit between components, as a text that the compiler prints; `never` when all fits. What types cannot decide
// (components without types, sizes of type number) passes here and is checked at run time.

interface Spec {
  readonly dtype: string;
  readonly shape: readonly unknown[];
}

/** `f32[batch, time, 128]` */
type Print<S extends Spec> = `${S['dtype']}${PrintShape<Named<S['shape']>>}`;
type Named<Shape> = { [I in keyof Shape]: number extends Shape[I] ? 'any' : Shape[I] };

/** true where every needed size is the given one; `number` on either side is any size, of a length any number of them */
type SameShape<Needed extends readonly unknown[], Given extends readonly unknown[]> = number extends
  | Needed['length']
  | Given['length']
  ? true
  : Needed['length'] extends Given['length']
    ? false extends { [I in keyof Needed]: SameSize<Needed[I], Given[I & keyof Given]> }[number]
      ? false
      : true
    : false;
type SameSize<N, G> = number extends N | G
  ? true
  : string extends N | G
    ? true
    : [N, G] extends [G, N]
      ? true
      : false;
type SameType<N, G> = [N] extends [G] ? true : [G] extends [N] ? true : false;

type Fits<N extends Spec, G extends Spec> =
  SameType<N['dtype'], G['dtype']> extends true ? SameShape<N['shape'], G['shape']> : false;

type Problem<Needs extends Specs, Gives extends Specs, Needer extends string, Giver extends string> = {
  [K in keyof Needs & string]: string extends K
    ? never
    : string extends keyof Gives
      ? never
      : K extends keyof Gives
        ? Fits<Needs[K], Gives[K]> extends true
          ? never
          : `${Needer} needs ${K}: ${Print<Needs[K]>}, but ${Giver} gives ${Print<Gives[K]>}`
        : `${Needer} needs ${K}: ${Print<Needs[K]>}, which ${Giver} does not give`;
}[keyof Needs & string];

/** why a backbone cannot stand on a reader */
export type BackboneProblem<R extends Reader, B extends Backbone> = Problem<
  B['needs'],
  R['gives'],
  'the backbone',
  'the reader'
>;

/** why a head cannot stand on a backbone */
export type HeadOnBackboneProblem<B extends Backbone, H extends Head> = Problem<
  H['needs']['backbone'],
  B['gives'],
  'the head',
  'the backbone'
>;

/** why a head cannot stand on a backbone, or cannot learn from a reader */
export type HeadProblem<R extends Reader, B extends Backbone, H extends Head> =
  | HeadOnBackboneProblem<B, H>
  | Problem<H['needs']['reader'] & H['needs']['labels'], R['gives'], 'the head', 'the reader'>;

/** T when there is no problem, else the problem's text, which the compiler then names as the expected type. */
export type Checked<P, T> = [P] extends [never] ? T : P;
