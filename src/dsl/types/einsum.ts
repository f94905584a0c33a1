import type { Dim, Shape } from '../../base/dim.ts';
import type { DType } from '../../base/dtype.ts';
import type { Tensor } from '../tensor.ts';
import type { Broadcast } from './broadcast.ts';
import type { TakesFloat } from './dtype.ts';
import type { Compatible } from './identity.ts';
import type { Words } from './pattern.ts';
import type { Rank } from './rank.ts';
import type { Bad, Good } from './result.ts';
import type { Both, PrintShape } from './text.ts';

// The operands bind labels to dims (an object type label → dim), one after the other; the right side reads them.

type Failure = Bad<unknown>;

type SplitCommas<Text extends string, Done extends string[] = []> = Text extends `${infer Head},${infer Rest}`
  ? SplitCommas<Rest, [...Done, Head]>
  : [...Done, Text];

/** binds one operand's labels from the left, and from the right after '...' */
type Bind<Labels, Dims extends Shape, Bound, Late, Own = never> = Labels extends readonly [
  infer Label extends string,
  ...infer Rest,
]
  ? Label extends '...'
    ? BindFromRight<Rest, Dims, Bound, Late, Own>
    : Dims extends readonly [infer X extends Dim, ...infer RestDims extends Shape]
      ? BindOne<Label, X, Bound, Late, Own> extends infer Next
        ? Next extends Failure
          ? Next
          : Bind<Rest, RestDims, Next, Late, Own | Label>
        : never
      : Bad<'einsum: more labels than dimensions'>
  : Dims extends readonly []
    ? Bound
    : Bad<`einsum: fewer labels than dimensions, left over ${PrintShape<Dims>}`>;

type BindFromRight<Labels, Dims extends Shape, Bound, Late, Own> = Labels extends readonly [
  ...infer Rest,
  infer Label extends string,
]
  ? { s: Dims } extends { s: readonly [...infer RestDims extends Shape, infer X extends Dim] }
    ? BindOne<Label, X, Bound, Late, Own> extends infer Next
      ? Next extends Failure
        ? Next
        : BindFromRight<Rest, RestDims, Next, Late, Own | Label>
      : never
    : Bad<'einsum: more labels than dimensions'>
  : Bound extends { '...': infer Known extends Shape }
    ? Broadcast<'einsum ...', Known, Dims, Late> extends infer R
      ? R extends Good<infer Joined>
        ? Omit<Bound, '...'> & { '...': Joined }
        : R
      : never
    : Bound & { '...': Dims };

type BindOne<Label extends string, X extends Dim, Bound, Late, Own> = Label extends Own
  ? Bad<`einsum: label ${Label} occurs twice in one operand`>
  : Label extends keyof Bound
    ? Compatible<Bound[Label], X, Late> extends true
      ? Bound
      : Bad<`einsum: label ${Label} is both ${Both<Bound[Label], X>}`>
    : Bound & { [K in Label]: X };

type BindAll<Specs, Tensors, Bound, Late> = Specs extends readonly [infer Head extends string, ...infer Rest]
  ? Tensors extends readonly [Tensor<infer D extends DType, infer S extends Shape>, ...infer RestTensors]
    ? TakesFloat<'einsum', D, Late> extends Bad<infer Message>
      ? Bad<Message>
      : Rank<S, Late> extends infer K
        ? K extends 'any'
          ? // biome-ignore lint/suspicious/noExplicitAny: stays silent after a mistake
            Good<any>
          : K extends 'open'
            ? Good<Shape>
            : Bind<Words<Head>, S, Bound, Late> extends infer Next
              ? Next extends Failure | Good<unknown>
                ? Next
                : BindAll<Rest, RestTensors, Next, Late>
              : never
        : never
    : Bad<'einsum: more operands in the pattern than tensors'>
  : Tensors extends readonly []
    ? Bound
    : Bad<'einsum: fewer operands in the pattern than tensors'>;

type Read<Labels, Bound, Done extends readonly unknown[] = [], Seen = never> = Labels extends readonly [
  infer Label extends string,
  ...infer Rest,
]
  ? Label extends Seen
    ? Bad<`einsum: label ${Label} occurs twice on the right`>
    : Label extends '...'
      ? Bound extends { '...': infer Middle extends Shape }
        ? Read<Rest, Bound, [...Done, ...Middle], Seen | Label>
        : Bad<'einsum: ... does not occur on the left'>
      : Label extends keyof Bound
        ? Read<Rest, Bound, [...Done, Bound[Label]], Seen | Label>
        : Bad<`einsum: label ${Label} does not occur on the left`>
  : Good<Done>;

/** The shape of `einsum`: labels that the right side lacks are summed over. */
export type Einsum<Pattern extends string, Tensors, Late> = string extends Pattern
  ? Good<Shape>
  : Pattern extends `${infer Left}->${infer Right}`
    ? BindAll<SplitCommas<Left>, Tensors, object, Late> extends infer Bound
      ? Bound extends Failure | Good<unknown>
        ? Bound
        : Read<Words<Right>, Bound>
      : never
    : Bad<'einsum: the pattern has no ->'>;
