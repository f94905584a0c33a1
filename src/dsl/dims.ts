import { show } from '../base/arguments.ts';
import { type Dim, isDim } from '../base/dim.ts';
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
    if (!isDim(dim)) {
      throw new FrondError('FROND-S023', `${what}: ${show(dim)} is not a dimension`, {
        place: callerPlace(),
        hint: 'a dimension is a whole number, a name such as batch, or an expression such as time+1',
      });
    }
  }
}
