import { show } from '../base/arguments.ts';
import type { Dim } from '../base/dim.ts';
import { FrondError } from '../base/errors.ts';
import { anything, listOf } from '../base/kinds.ts';
import { callerPlace } from '../base/source.ts';

export const shapeKind = listOf(anything, "sizes and names, such as ['batch', 128]");

/**
 * A dimension is a natural number, a name, or an expression over names.
 * @throws FROND-S023 for anything else
 */
export function checkDims(what: string, shape: readonly Dim[]): void {
  for (const dim of shape) {
    const good = typeof dim === 'string' ? isExpression(dim) : Number.isSafeInteger(dim) && dim >= 0;
    if (!good) {
      throw new FrondError('FROND-S023', `${what}: ${show(dim)} is not a dimension`, {
        place: callerPlace(),
        hint: 'a dimension is a whole number, a name such as batch, or an expression such as time+1',
      });
    }
  }
}

const NAME = /(?<![\w.])[A-Za-z_][\w.]*/g;
function isExpression(dim: string): boolean {
  if (!/^[\w.+\-*/()]+$/.test(dim)) return false;
  // every name as 1: what is left must be well formed, whatever its value
  const skeleton = dim.replace(NAME, '1');
  return /^(\(*\d+\)*)([-+*/]\(*\d+\)*)*$/.test(skeleton) && balanced(skeleton);
}

function balanced(text: string): boolean {
  let depth = 0;
  for (const letter of text) {
    if (letter === '(') depth++;
    if (letter === ')' && --depth < 0) return false;
  }
  return depth === 0;
}
