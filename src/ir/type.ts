import { shownName } from '../base/arguments.ts';
import { isDim } from '../base/dim.ts';
import { dtypeHint, isDType } from '../base/dtype.ts';
import { FrondError, type SourcePlace } from '../base/errors.ts';
import type { TensorType } from './graph.ts';

/** @throws FROND-I006 for an element type that there is not, and for a shape that is no list of sizes and names */
export function checkType({ dtype, shape }: TensorType, what?: string, place?: SourcePlace): void {
  const refuse = (summary: string, hint?: string): never => {
    const whole = what === undefined ? summary : `${what}: ${summary}`;
    throw new FrondError('FROND-I006', whole, { place, hint });
  };
  if (!isDType(dtype)) refuse(`${shownName(dtype)} is not a dtype`, dtypeHint);
  if (!Array.isArray(shape)) refuse(`${shownName(shape)} is not a shape`);
  const wrong = shape.findIndex((dim) => !isDim(dim));
  if (wrong >= 0) refuse(`${shownName(shape[wrong])} is not a dimension`);
}
