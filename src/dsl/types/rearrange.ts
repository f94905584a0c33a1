import type { Dim, Shape } from '../../base/dim.ts';
import type { Indivisible, Over, Product } from './dimension.ts';
import type { Compatible } from './identity.ts';
import type { Items, Labels, PrintLabels } from './pattern.ts';
import type { Rank } from './rank.ts';
import type { Bad, Good } from './result.ts';
import type { Both, PrintDim, PrintShape } from './text.ts';

// The left side binds labels to dims (an object type label → dim), the right side reads them.

type Failure = Bad<unknown>;

/** binds items to dims from the left, and from the right after '...' */
type Bind<Left, Dims extends Shape, Bound, Sizes, Late> = Left extends readonly [infer Item, ...infer Rest]
  ? Item extends '...'
    ? BindFromRight<Rest, Dims, Bound, Sizes, Late>
    : Dims extends readonly [infer X extends Dim, ...infer RestDims extends Shape]
      ? BindOne<Item, X, Bound, Sizes, Late> extends infer Next
        ? Next extends Failure
          ? Next
          : Bind<Rest, RestDims, Next, Sizes, Late>
        : never
      : Bad<'rearrange: more labels than dimensions'>
  : Dims extends readonly []
    ? Bound
    : Bad<`rearrange: fewer labels than dimensions, left over ${PrintShape<Dims>}`>;

type BindFromRight<Left, Dims extends Shape, Bound, Sizes, Late> = Left extends readonly [
  ...infer Rest,
  infer Item,
]
  ? { s: Dims } extends { s: readonly [...infer RestDims extends Shape, infer X extends Dim] }
    ? BindOne<Item, X, Bound, Sizes, Late> extends infer Next
      ? Next extends Failure
        ? Next
        : BindFromRight<Rest, RestDims, Next, Sizes, Late>
      : never
    : Bad<'rearrange: more labels than dimensions'>
  : Bound & { '...': Dims };

type BindOne<Item, X extends Dim, Bound, Sizes, Late> = Item extends '1'
  ? Compatible<X, 1, Late> extends true
    ? Bound
    : Bad<`rearrange: pattern has 1, dimension is ${X}`>
  : Item extends string
    ? Item extends keyof Bound
      ? Bad<`rearrange: label ${Item} occurs twice on the left`>
      : Item extends keyof Sizes
        ? Compatible<X, Sizes[Item], Late> extends true
          ? Bound & { [K in Item]: X }
          : Bad<`rearrange: label ${Item} is both ${Both<Sizes[Item], X>}`>
        : Bound & { [K in Item]: X }
    : BindGroup<Item, X, Sizes, Late> extends infer Next
      ? Next extends Failure
        ? Next
        : Bound & Next
      : never;

/** what is known of a group: the product of given sizes, the labels without one */
interface Known<P, Unknown> {
  readonly product: P;
  readonly unknown: Unknown;
}

type KnownOf<
  Group,
  Sizes,
  Late,
  Given extends readonly unknown[] = [],
  Unknown extends readonly string[] = [],
> = Group extends readonly [infer Label extends string, ...infer Rest]
  ? Label extends keyof Sizes
    ? KnownOf<Rest, Sizes, Late, [...Given, Sizes[Label]], Unknown>
    : KnownOf<Rest, Sizes, Late, Given, [...Unknown, Label]>
  : Known<Product<Given, Late>, Unknown>;

type SizesOf<Sizes, Group> = Group extends readonly (infer Label)[]
  ? { [K in keyof Sizes & Label]: Sizes[K] }
  : object;

/** `(h d)` = X with all but one size given */
type BindGroup<Group, X, Sizes, Late> =
  KnownOf<Group, Sizes, Late> extends Known<infer P, infer Unknown>
    ? Unknown extends readonly []
      ? Compatible<P, X, Late> extends true
        ? SizesOf<Sizes, Group>
        : Bad<`rearrange: (${PrintLabels<Group>}) is ${PrintDim<P>}, dimension is ${PrintDim<X>}`>
      : Unknown extends readonly [infer Label extends string]
        ? Indivisible<X, P, Late> extends true
          ? Bad<`rearrange: ${PrintDim<X>} is not divisible by ${PrintDim<P>} in (${PrintLabels<Group>})`>
          : SizesOf<Sizes, Group> & { [K in Label]: Over<X, P> }
        : Bad<`rearrange: give sizes for all but one of (${PrintLabels<Group>})`>
    : never;

/** what the right side reads out */
type Read<Right, Bound, Late, Done extends readonly unknown[] = []> = Right extends readonly [
  infer Item,
  ...infer Rest,
]
  ? Item extends '...'
    ? Bound extends { '...': infer Middle extends Shape }
      ? Read<Rest, Bound, Late, [...Done, ...Middle]>
      : Bad<'rearrange: ... does not occur on the left'>
    : Item extends '1'
      ? Read<Rest, Bound, Late, [...Done, 1]>
      : Item extends keyof Bound
        ? Read<Rest, Bound, Late, [...Done, Bound[Item]]>
        : Item extends readonly string[]
          ? ReadGroup<Item, Bound, Late> extends Known<infer P, infer Unknown>
            ? Unknown extends string
              ? Bad<`rearrange: label ${Unknown} does not occur on the left`>
              : Read<Rest, Bound, Late, [...Done, P]>
            : never
          : Bad<`rearrange: label ${Item & string} does not occur on the left`>
  : Good<Done>;

type ReadGroup<Group, Bound, Late, Done extends readonly unknown[] = []> = Group extends readonly [
  infer Label,
  ...infer Rest,
]
  ? Label extends keyof Bound
    ? ReadGroup<Rest, Bound, Late, [...Done, Bound[Label]]>
    : Known<1, Label>
  : Known<Product<Done, Late>, true>;

type Flat<Items> = Items extends readonly [infer Head, ...infer Rest]
  ? Head extends readonly unknown[]
    ? [...Head, ...Flat<Rest>]
    : [Head, ...Flat<Rest>]
  : [];

/** a label of the left side that the right side lacks, or never; one that occurs twice on the right */
type Lost<Left, Right> = Exclude<
  Flat<Left> extends readonly (infer L)[] ? L : never,
  (Flat<Right> extends readonly (infer R)[] ? R : never) | '1'
>;
type Twice<List> = List extends readonly [infer Head, ...infer Rest]
  ? Head extends '1'
    ? Twice<Rest>
    : Head extends Rest[number]
      ? Head
      : Twice<Rest>
  : never;

type Check<Left, Right, S extends Shape, Sizes, Late> =
  Bind<Left, S, object, Sizes, Late> extends infer Bound
    ? Bound extends Failure
      ? Bound
      : Read<Right, Bound, Late> extends infer R
        ? R extends Failure
          ? R
          : [Lost<Left, Right>] extends [never]
            ? [Twice<Flat<Right>>] extends [never]
              ? R
              : Bad<`rearrange: label ${Twice<Flat<Right>> & string} occurs twice on the right`>
            : Bad<`rearrange: label ${Lost<Left, Right> & string} does not occur on the right`>
        : never
    : never;

/** The shape that `rearrange` gives S by a pattern; sizes name the parts of groups on the left. */
export type Rearrange<Pattern extends string, S extends Shape, Sizes, Late> = string extends Pattern
  ? Good<Shape>
  : Rank<S, Late> extends infer K
    ? K extends 'any'
      ? // biome-ignore lint/suspicious/noExplicitAny: stays silent after a mistake
        Good<any>
      : K extends 'open'
        ? Good<Shape>
        : Pattern extends `${infer Left}->${infer Right}`
          ? [Exclude<keyof Sizes, Labels<Pattern>>] extends [never]
            ? Check<Items<Left>, Items<Right>, S, Sizes, Late>
            : Bad<`rearrange: size given for unknown label ${Exclude<keyof Sizes, Labels<Pattern>> & string}`>
          : Bad<'rearrange: the pattern has no ->'>
    : never;
