// Reading patterns such as `b t (h d) -> b h t d`: items are labels, '1', '...', or groups (lists of labels).

/** words separated by blanks */
export type Words<
  Text extends string,
  Done extends readonly unknown[] = [],
> = Text extends `${infer Head} ${infer Rest}`
  ? Words<Rest, Head extends '' ? Done : [...Done, Head]>
  : Text extends ''
    ? Done
    : [...Done, Text];

/** items of one side, groups as nested lists */
export type Items<
  Text extends string,
  Done extends readonly unknown[] = [],
> = Text extends `${infer Before}(${infer Group})${infer Rest}`
  ? Items<Rest, [...Words<Before, Done>, Words<Group>]>
  : Words<Text, Done>;

type Flat<List> = List extends readonly [infer Head, ...infer Rest]
  ? (Head extends readonly string[] ? Head[number] : Head) | Flat<Rest>
  : never;

/** the labels of the left side, as a union */
export type Labels<Pattern extends string> = Pattern extends `${infer Left}->${string}`
  ? Exclude<Flat<Items<Left>>, '...' | '1'> & string
  : string;

/** `h d` */
export type PrintLabels<Group, Text extends string = ''> = Group extends readonly [
  infer Head extends string,
  ...infer Rest,
]
  ? PrintLabels<Rest, Text extends '' ? Head : `${Text} ${Head}`>
  : Text;
