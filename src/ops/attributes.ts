import { type Dim, isDim } from '../base/dim.ts';
import { integer, type Kinds, kind, listOf, notNegative, optional, text } from '../base/kinds.ts';
import type { Attribute, Attributes } from '../ir/graph.ts';
import { fail, show } from './rules.ts';

// The attributes that several ops take, and the check that nodes have no others. Records say what they take as a table.

/** A size: a natural number, a name, or an expression over names. */
export const dim = kind<Dim>('a dimension', isDim);
export const dims = listOf(dim, 'dimensions');

/** Negative ones count from the right; the last one where it is left out. */
export const axis = { axis: optional(integer) };

/** Of expressions: `readFused` says what is wrong with one. */
export const instructions = listOf(
  kind<Attribute>('an instruction', (value) => typeof value === 'object'),
  'instructions',
);
export const results = optional(listOf(integer, 'numbers of instructions'));
export const epilogue = { epilogue: optional(instructions), results };

const numbers = optional(listOf(notNegative, 'numbers'));
/** Of updates: the parameters whose gradients the last operands are, and what belongs to each. */
export const groups = { parameters: optional(listOf(text, 'names')), rates: numbers, decays: numbers };

/**
 * Refuses attributes that an op does not take, that are missing or of another kind, as those of a file may be.
 * @throws FROND-S019
 */
export function checkAttributes(op: string, kinds: Kinds, attributes: Attributes): void {
  const stranger = Object.keys(attributes).find((name) => !Object.hasOwn(kinds, name));
  if (stranger !== undefined) {
    const taken = Object.keys(kinds).join(', ');
    fail('FROND-S019', `${op}: there is no attribute ${stranger}`, `it takes ${taken || 'none'}`);
  }
  for (const [name, { what, holds, optional: may }] of Object.entries(kinds)) {
    const value = attributes[name];
    if (value === undefined ? may !== true : !holds(value))
      fail('FROND-S019', `${op}: attribute ${name} must be ${what}, not ${show(value)}`);
  }
}
