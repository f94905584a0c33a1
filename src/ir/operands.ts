import { FrondError } from '../base/errors.ts';
import { own } from '../base/own.ts';
import type { Ref } from './graph.ts';

/*
 * Operands and results have names, which the record of an op states once, in order: `x`; `bias?` for one that may be absent;
 * `...others` for any number of them, at the end. Graphs hold lists; rules are written with names.
 */

/** An operand as rules write it: a tensor, or a number. */
export type Operand = Ref | number;

/** Operands by name: a list under the name of a variadic one. */
export type NamedOperands = Readonly<Record<string, Operand | undefined | readonly Operand[]>>;

type NameOf<Marked extends string> = Marked extends `...${infer Name}`
  ? Name
  : Marked extends `${infer Name}?`
    ? Name
    : Marked;
type HeldUnder<Marked extends string, T> = Marked extends `...${string}`
  ? readonly T[]
  : Marked extends `${string}?`
    ? T | undefined
    : T;

/** What a rule receives for such names: a T for each, undefined where it is absent, a list under a variadic name. */
export type ByName<Marked extends string, T> = { readonly [M in Marked as NameOf<M>]: HeldUnder<M, T> };
export type OptionalName<Marked extends string> = Marked extends `${infer Name}?` ? Name : never;

export interface Name {
  readonly name: string;
  readonly mark: 'one' | 'optional' | 'variadic';
}

export const readName = (marked: string): Name =>
  marked.startsWith('...')
    ? { name: marked.slice(3), mark: 'variadic' }
    : marked.endsWith('?')
      ? { name: marked.slice(0, -1), mark: 'optional' }
      : { name: marked, mark: 'one' };

/** Least and largest number of operands of these names. */
export function arityOf(names: readonly Name[]): readonly [number, number] {
  const least = names.filter(({ mark }) => mark === 'one').length;
  return [least, names.at(-1)?.mark === 'variadic' ? Number.POSITIVE_INFINITY : names.length];
}

const misplaced = (op: string, summary: string, names: readonly Name[]): FrondError =>
  new FrondError('FROND-I005', `${op}: ${summary}`, {
    hint: `its operands are ${names.map(({ name }) => name).join(', ') || 'given as a list'}`,
  });

/**
 * Gives the values of a list their names, beside those that `found` has. `isGiven` says which of the optional ones are there; by default
 * the first, as far as values reach.
 * @throws FROND-I005 where a value lacks, or is left over
 */
export function byName<T>(
  op: string,
  names: readonly Name[],
  values: readonly T[],
  isGiven?: (name: string) => boolean | undefined,
  found: Record<string, T | undefined | readonly T[]> = {},
): Record<string, T | undefined | readonly T[]> {
  let at = 0;
  for (const { name, mark } of names) {
    if (mark === 'variadic') {
      found[name] = values.slice(at);
      at = values.length;
    } else if (mark === 'one' || (isGiven?.(name) ?? at < values.length)) {
      if (at >= values.length) throw misplaced(op, `operand ${name} is missing`, names);
      found[name] = values[at++];
    } else found[name] = undefined;
  }
  if (at < values.length) throw misplaced(op, `it takes ${at} operands here, not ${values.length}`, names);
  return found;
}

/** The list of the operands that are given by name. @throws FROND-I005 for a name that is missing or unknown */
export function inOrder(op: string, names: readonly Name[], operands: NamedOperands): readonly Operand[] {
  const unknown = Object.keys(operands).find((key) => !names.some(({ name }) => name === key));
  if (unknown !== undefined) throw misplaced(op, `there is no operand ${unknown}`, names);
  return names.flatMap(({ name, mark }) => {
    const operand = own(operands, name);
    if (operand === undefined && mark === 'one') throw misplaced(op, `operand ${name} is missing`, names);
    return operand ?? [];
  });
}
