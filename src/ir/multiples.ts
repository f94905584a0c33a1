import type { Dim } from '../base/dim.ts';
import type { LaunchPlan } from './record.ts';

/** The parts of a text that stand between `separators` outside of parentheses. */
function splitOutside(text: string, separators: string): string[] {
  const parts: string[] = [''];
  let depth = 0;
  for (const letter of text) {
    if (letter === '(') depth++;
    else if (letter === ')') depth--;
    if (depth === 0 && separators.includes(letter)) parts.push('');
    else parts[parts.length - 1] += letter;
  }
  return parts;
}

/** A power of two, at most 4, that divides `dim` whatever its names stand for. */
function twos(dim: Dim): number {
  if (typeof dim === 'number') return dim % 4 === 0 ? 4 : dim % 2 === 0 ? 2 : 1;
  const terms = splitOutside(dim, '+-');
  if (terms.length > 1) return Math.min(...terms.map(twos));
  if (splitOutside(dim, '/').length > 1) return 1;
  const factors = splitOutside(dim, '*');
  if (factors.length > 1) {
    return Math.min(
      4,
      factors.reduce((product, factor) => product * twos(factor), 1),
    );
  }
  if (/^\d+$/.test(dim)) return twos(Number(dim));
  return dim.startsWith('(') ? twos(dim.slice(1, -1)) : 1;
}

/**
 * The parameters of a launch that are multiples of 4 whatever sizes a feed brings, by their expressions alone: so a new batch
 * length never asks for another text.
 */
export const multiplesOf4 = ({ scalars }: Pick<LaunchPlan, 'scalars'>): readonly string[] =>
  Object.entries(scalars)
    .filter(([, value]) => twos(value) === 4)
    .map(([name]) => name);
