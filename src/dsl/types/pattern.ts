import type { Dim, Shape } from '../../base/dim.ts';
import type { DType } from '../../base/dtype.ts';
import type { Tensor } from '../tensor.ts';
import type { Broadcast } from './broadcast.ts';
import type { Indivisible, Over, Product } from './dimension.ts';
import type { TakesFloat } from './dtype.ts';
import type { Compatible } from './identity.ts';
import type { Bad, Both, Good, PrintDim, PrintShape, Ranked } from './result.ts';

// The patterns of `rearrange` and `einsum`, such as `b t (h d) -> b h t d`. Items are labels, '1', '...', or composites (lists of
// labels). The left side binds labels to dims (an object type label → dim), the right side reads them.

/** The two functions, and where on the left a label may occur once. */
interface Once {
  einsum: 'in one operand';
  rearrange: 'on the left';
}
type Op = keyof Once;

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

/** `h d` */
type PrintLabels<Composite, Text extends string = ''> = Composite extends readonly [
  infer Head extends string,
  ...infer Rest,
]
  ? PrintLabels<Rest, Text extends '' ? Head : `${Text} ${Head}`>
  : Text;

/** the first label that occurs again, or never */
type Twice<List, Seen = never> = List extends readonly [infer Head, ...infer Rest]
  ? Head extends readonly unknown[]
    ? Twice<[...Head, ...Rest], Seen>
    : Head extends Seen
      ? Head
      : Twice<Rest, Seen | Exclude<Head, '1'>>
  : never;

type OccursTwice<O extends Op, Label, Where extends string> = Label extends string
  ? Bad<`${O}: label ${Label} occurs twice ${Where}`>
  : never;
type Misses<O extends Op, Label, Side extends string> = Label extends string
  ? Bad<`${O}: ${Label extends '...' ? '...' : `label ${Label}`} does not occur on the ${Side}`>
  : never;

/** What is wrong with the labels of the operands by themselves, never where nothing is. */
type LeftFault<O extends Op, Left extends readonly unknown[]> = {
  [I in keyof Left]: OccursTwice<O, Twice<Left[I]>, Once[O]>;
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

type BindFromRight<O extends Op, Left, Dims extends Shape, Bound, Late> = Left extends readonly [
  ...infer Rest,
  infer Item,
]
  ? { s: Dims } extends { s: readonly [...infer RestDims extends Shape, infer X extends Dim] }
    ? BindOne<O, Item, X, Bound, Late> extends infer Next
      ? Next extends Bad<unknown>
        ? Next
        : BindFromRight<O, Rest, RestDims, Next, Late>
      : never
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

/** what is bound of a composite: the product of the sizes, the labels without one */
interface Known<P, Unknown> {
  readonly product: P;
  readonly unknown: Unknown;
}

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
  : Known<Product<Given, Late>, Unknown>;

/** `(h d)` = X with the sizes of all labels but one bound */
type BindComposite<Composite, X extends Dim, Bound, Late> =
  KnownOf<Composite, Bound, Late> extends Known<infer P, infer Unknown>
    ? Unknown extends readonly []
      ? Compatible<P, X, Late> extends true
        ? Bound
        : Bad<`rearrange: (${PrintLabels<Composite>}) is ${PrintDim<P>}, dimension is ${X}`>
      : Unknown extends readonly [infer Label extends string]
        ? Indivisible<X, P, Late> extends true
          ? Bad<`rearrange: ${X} is not divisible by ${PrintDim<P>} in (${PrintLabels<Composite>})`>
          : Bound & { [K in Label]: Over<X, P> }
        : Bad<`rearrange: give sizes for all but one of (${PrintLabels<Composite>})`>
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

/** What the right side reads, unless it is wrong. */
type Result<O extends Op, Left, Right, Bound, Late> = [RightFault<O, Left, Right>] extends [never]
  ? Read<Right, Bound, Late>
  : RightFault<O, Left, Right>;

// ---- rearrange

/** The shape that `rearrange` gives S by a pattern; sizes name the parts of composites on the left. */
export type Rearrange<Pattern extends string, S extends Shape, Sizes, Late> = string extends Pattern
  ? Good<Shape>
  : Pattern extends `${infer Left}->${infer Right}`
    ? [Exclude<keyof Sizes, Labels<Pattern>>] extends [never]
      ? [LeftFault<'rearrange', [Items<Left>]>] extends [never]
        ? Ranked<S, Bind<'rearrange', Items<Left>, S, Sizes, Late>, Late> extends infer Bound
          ? Bound extends Ends
            ? Bound
            : Result<'rearrange', Items<Left>, Items<Right>, Bound, Late>
          : never
        : LeftFault<'rearrange', [Items<Left>]>
      : Bad<`rearrange: size given for unknown label ${Exclude<keyof Sizes, Labels<Pattern>> & string}`>
    : Bad<'rearrange: the pattern has no ->'>;

// ---- einsum

/** The shape of `einsum`: labels that the right side lacks are summed over. */
export type Einsum<Pattern extends string, Tensors, Late> = string extends Pattern
  ? Good<Shape>
  : Pattern extends `${infer Left}->${infer Right}`
    ? [LeftFault<'einsum', Operands<Left>>] extends [never]
      ? BindAll<Operands<Left>, Tensors, object, Late> extends infer Bound
        ? Bound extends Ends
          ? Bound
          : Result<'einsum', Operands<Left>, Words<Right>, Bound, Late>
        : never
      : LeftFault<'einsum', Operands<Left>>
    : Bad<'einsum: the pattern has no ->'>;

/** Binds one operand after the other. */
type BindAll<Sides, Tensors, Bound, Late> = Sides extends readonly [infer Head, ...infer Rest]
  ? Tensors extends readonly [Tensor<infer D extends DType, infer S extends Shape>, ...infer RestTensors]
    ? Both<
        TakesFloat<'einsum', D, Late>,
        Ranked<S, Bind<'einsum', Head, S, Bound, Late>, Late>
      > extends infer Next
      ? Next extends Ends
        ? Next
        : BindAll<Rest, RestTensors, Next, Late>
      : never
    : Bad<'einsum: more operands in the pattern than tensors'>
  : Tensors extends readonly []
    ? Bound
    : Bad<'einsum: fewer operands in the pattern than tensors'>;
