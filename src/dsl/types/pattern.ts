import type { Dim, Shape } from '../../base/dim.ts';
import type { DType } from '../../base/dtype.ts';
import type { Tensor } from '../tensor.ts';
import type { Broadcast } from './broadcast.ts';
import type { Indivisible, Over, Product } from './dimension.ts';
import type { TakesFloat } from './dtype.ts';
import type { Compatible } from './identity.ts';
import type { Bad, Both, Good, Join, PrintDim, PrintShape, Ranked, Twice } from './result.ts';

// The patterns of `rearrange` and `einsum`, such as `b t (h d) -> b h t d`. Items are labels, '1', '...', or composites (lists of
// labels). The left side binds labels to dims (an object type label → dim), the right side reads them.

type Op = 'einsum' | 'rearrange';

// ---- what a pattern says by itself, decided once for all of its uses

/** words separated by blanks */
type Words<
  Text extends string,
  Done extends readonly unknown[] = [],
> = Text extends `${infer Head} ${infer Rest}`
  ? Words<Rest, Head extends '' ? Done : [...Done, Head]>
  : Text extends ''
    ? Done
    : [...Done, Text];

/** items of one side, composites as nested lists */
type Items<
  Text extends string,
  Done extends readonly unknown[] = [],
> = Text extends `${infer Before}(${infer Composite})${infer Rest}`
  ? Items<Rest, [...Words<Before, Done>, Words<Composite>]>
  : Words<Text, Done>;

/** the words of each operand */
type Operands<
  Text extends string,
  Done extends readonly unknown[] = [],
> = Text extends `${infer Head},${infer Rest}`
  ? Operands<Rest, [...Done, Words<Head>]>
  : [...Done, Words<Text>];

/** the labels of nested lists, as a union */
type Leaves<List> = List extends readonly unknown[] ? Leaves<List[number]> : List;

/** the labels of the left side */
export type Labels<Pattern extends string> = Pattern extends `${infer Left}->${string}`
  ? Exclude<Leaves<Items<Left>>, '...' | '1'> & string
  : string;

type OccursTwice<O extends Op, Label, Where extends string> = Label extends string
  ? Bad<`${O}: label ${Label} occurs twice ${Where}`>
  : never;
type Misses<O extends Op, Label, Side extends string> = Label extends string
  ? Bad<`${O}: ${Label extends '...' ? '...' : `label ${Label}`} does not occur on the ${Side}`>
  : never;

/** What is wrong with the labels of the operands by themselves, never where nothing is. */
type LeftFault<O extends Op, Left extends readonly unknown[]> = {
  [I in keyof Left]: OccursTwice<O, Twice<Left[I]>, O extends 'einsum' ? 'in one operand' : 'on the left'>;
}[number];

type Either<First, Second> = [First] extends [never] ? Second : First;

/** What is wrong with the right side. */
type RightFault<O extends Op, Left, Right> = Either<
  Misses<O, Exclude<Leaves<Right>, Leaves<Left> | (O extends 'rearrange' ? '1' : never)>, 'left'>,
  Either<
    OccursTwice<O, Twice<Right>, 'on the right'>,
    O extends 'rearrange' ? Misses<O, Exclude<Leaves<Left>, Leaves<Right> | '1'>, 'right'> : never
  >
>;

// ---- binding labels to dims: each function gives what is bound, or Bad

type Ends = Bad<unknown> | Good<unknown>;

/** Binds the items of one operand to its dims from the left, and from the right after '...'. */
type Bind<O extends Op, Left, Dims extends Shape, Bound, Late> = Left extends readonly [
  infer Item,
  ...infer Rest,
]
  ? Item extends '...'
    ? BindFromRight<O, Rest, Dims, Bound, Late>
    : Dims extends readonly [infer X extends Dim, ...infer RestDims extends Shape]
      ? BindOne<O, Item, X, Bound, Late> extends infer Next
        ? Next extends Bad<unknown>
          ? Next
          : Bind<O, Rest, RestDims, Next, Late>
        : never
      : Bad<`${O}: more labels than dimensions`>
  : Dims extends readonly []
    ? Bound
    : Bad<`${O}: fewer labels than dimensions, left over ${PrintShape<Dims>}`>;

type BindFromRight<O extends Op, Left, Dims extends Shape, Bound, Late> =
  Bound extends Bad<unknown>
    ? Bound
    : Left extends readonly [...infer Rest, infer Item]
      ? { s: Dims } extends { s: readonly [...infer RestDims extends Shape, infer X extends Dim] }
        ? BindFromRight<O, Rest, RestDims, BindOne<O, Item, X, Bound, Late>, Late>
        : Bad<`${O}: more labels than dimensions`>
      : Bound extends { '...': infer Before extends Shape }
        ? Broadcast<`${O} ...`, Before, Dims, Late> extends Good<infer Joined>
          ? Omit<Bound, '...'> & { '...': Joined }
          : Broadcast<`${O} ...`, Before, Dims, Late>
        : Bound & { '...': Dims };

type BindOne<O extends Op, Item, X extends Dim, Bound, Late> = Item extends string
  ? Item extends keyof Bound
    ? Compatible<Bound[Item], X, Late> extends true
      ? Bound
      : Bad<`${O}: label ${Item} is both ${PrintDim<Bound[Item]>} and ${X}`>
    : [O, Item] extends ['rearrange', '1']
      ? Compatible<X, 1, Late> extends true
        ? Bound
        : Bad<`rearrange: pattern has 1, dimension is ${X}`>
      : Bound & { [K in Item]: X }
  : BindComposite<Item, X, Bound, Late>;

/** What is bound of a composite: the product of the sizes, and the labels without one. */
type KnownOf<
  Composite,
  Bound,
  Late,
  Given extends readonly unknown[] = [],
  Unknown extends readonly string[] = [],
> = Composite extends readonly [infer Label extends string, ...infer Rest]
  ? Label extends keyof Bound
    ? KnownOf<Rest, Bound, Late, [...Given, Bound[Label]], Unknown>
    : KnownOf<Rest, Bound, Late, Given, [...Unknown, Label]>
  : [Product<Given, Late>, Unknown];

/** `(h d)` = X with the sizes of all labels but one bound */
type BindComposite<Composite, X extends Dim, Bound, Late> =
  KnownOf<Composite, Bound, Late> extends [infer P, infer Unknown]
    ? Unknown extends readonly []
      ? Compatible<P, X, Late> extends true
        ? Bound
        : Bad<`rearrange: (${Join<Composite, ' '>}) is ${PrintDim<P>}, dimension is ${X}`>
      : Unknown extends readonly [infer Label extends string]
        ? Indivisible<X, P, Late> extends true
          ? Bad<`rearrange: ${X} is not divisible by ${PrintDim<P>} in (${Join<Composite, ' '>})`>
          : Bound & { [K in Label]: Over<X, P> }
        : Bad<`rearrange: give sizes for all but one of (${Join<Composite, ' '>})`>
    : never;

/** Good with the dims that the right side reads out; what is not bound is '1' */
type Read<Right, Bound, Late, Done extends readonly unknown[] = []> = Right extends readonly [
  infer Item,
  ...infer Rest,
]
  ? Item extends '...'
    ? Bound extends { '...': infer Middle extends Shape }
      ? Read<Rest, Bound, Late, [...Done, ...Middle]>
      : never
    : Item extends keyof Bound
      ? Read<Rest, Bound, Late, [...Done, Bound[Item]]>
      : Item extends readonly string[]
        ? Read<Item, Bound, Late> extends Good<infer Dims>
          ? Read<Rest, Bound, Late, [...Done, Product<Dims, Late>]>
          : never
        : Read<Rest, Bound, Late, [...Done, 1]>
  : Good<Done>;

/** The shape that a pattern, taken apart, gives what its left side has bound. */
type Fit<O extends Op, Left extends readonly unknown[], Right, Bound, Late> = [LeftFault<O, Left>] extends [
  never,
]
  ? Bound extends Ends
    ? Bound
    : [RightFault<O, Left, Right>] extends [never]
      ? Read<Right, Bound, Late>
      : RightFault<O, Left, Right>
  : LeftFault<O, Left>;
/** The shape that `rearrange` gives S by a pattern; sizes name the parts of composites on the left. */
export type Rearrange<Pattern extends string, S extends Shape, Sizes, Late> = string extends Pattern
  ? Good<Shape>
  : Pattern extends `${infer Left}->${infer Right}`
    ? [Exclude<keyof Sizes, Labels<Pattern>>] extends [never]
      ? Fit<
          'rearrange',
          [Items<Left>],
          Items<Right>,
          Ranked<S, Bind<'rearrange', Items<Left>, S, Sizes, Late>, Late>,
          Late
        >
      : Bad<`rearrange: size given for unknown label ${Exclude<keyof Sizes, Labels<Pattern>> & string}`>
    : Bad<'rearrange: the pattern has no ->'>;
/** The shape of `einsum`: labels that the right side lacks are summed over. */
export type Einsum<Pattern extends string, Tensors, Late> = string extends Pattern
  ? Good<Shape>
  : Pattern extends `${infer Left}->${infer Right}`
    ? Fit<'einsum', Operands<Left>, Words<Right>, BindAll<Operands<Left>, Tensors, object, Late>, Late>
    : Bad<'einsum: the pattern has no ->'>;

/** Binds one operand after the other. */
type BindAll<Sides, Tensors, Bound, Late> = Bound extends Ends
  ? Bound
  : Sides extends readonly [infer Head, ...infer Rest]
    ? Tensors extends readonly [Tensor<infer D extends DType, infer S extends Shape>, ...infer RestTensors]
      ? BindAll<
          Rest,
          RestTensors,
          Both<TakesFloat<'einsum', D, Late>, Ranked<S, Bind<'einsum', Head, S, Bound, Late>, Late>>,
          Late
        >
      : Bad<'einsum: more operands in the pattern than tensors'>
    : Tensors extends readonly []
      ? Bound
      : Bad<'einsum: fewer operands in the pattern than tensors'>;
