import { show } from '../base/arguments.ts';
import { FrondError, type SourcePlace } from '../base/errors.ts';
import { callerPlace } from '../base/source.ts';
import type { Ref } from '../ir/graph.ts';
import { joinScope } from '../ir/names.ts';
import { checkDims } from './dims.ts';
import type { Initializer } from './initializer.ts';
import type { DType, GraphState, Shape } from './tensor.ts';

export interface ParameterOptions {
  /** false: no gradient and no update, such as a frozen table */
  readonly trainable?: boolean;
}

interface ParameterDeclaration extends ParameterOptions {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly initializer: Initializer;
}

/**
 * Adds a parameter under the scope of the moment.
 * @throws FROND-S010 for another dtype than f32, FROND-S019 for an initializer that is none, FROND-S023 for a wrong dimension, FROND-S026 for a named one
 */
export function declareParameter(
  { builder }: GraphState,
  name: string,
  { dtype, shape, initializer, trainable }: ParameterDeclaration,
): Ref {
  const place = callerPlace();
  builder.source = place;
  checkDims(`parameter ${name}`, shape);
  const named = shape.find((dim) => typeof dim === 'string');
  if (named !== undefined) throw nameless(`parameter ${name}: dimension ${named} has no number`, place);
  // weights, gradients and moments lie in flat arenas of f32
  if (dtype !== 'f32') {
    throw new FrondError('FROND-S010', `parameter ${name}: cannot be ${show(dtype)}`, {
      place,
      hint: 'parameters are f32; feed other tensors with g.input or fix them with g.constant',
    });
  }
  checkInitializer(joinScope(builder.scope, name), initializer, place);
  const type = { dtype, shape: [...shape] };
  return builder.parameter(name, type, { initializer: { ...initializer }, trainable });
}

/** A size that a parameter takes on is a literal number when the graph is built. */
export const nameless = (summary: string, place: SourcePlace | undefined): FrondError =>
  new FrondError('FROND-S026', summary, {
    place,
    hint: 'parameters have literal sizes; only fed dimensions are named',
  });

/** The number that each kind of initializer depends on, and whether it may be negative. */
const SETTINGS: Readonly<
  Record<Initializer['kind'], { readonly name: string; readonly negative: boolean } | undefined>
> = {
  zeros: undefined,
  ones: undefined,
  xavier: undefined,
  constant: { name: 'value', negative: true },
  normal: { name: 'deviation', negative: false },
  truncatedNormal: { name: 'deviation', negative: false },
  uniform: { name: 'limit', negative: false },
};

/** Without this check a forgotten or misspelt initializer would show as weights that are NaN. */
function checkInitializer(name: string, given: unknown, place: SourcePlace | undefined): void {
  const wrong = (what: string, hint: string): FrondError =>
    new FrondError('FROND-S019', `parameter ${name}: ${what}`, { place, hint });
  const kinds = Object.keys(SETTINGS);
  const fields: Readonly<Record<string, unknown>> =
    typeof given === 'object' && given !== null ? { ...given } : {};
  const kind = typeof fields.kind === 'string' ? fields.kind : '';
  if (!kinds.includes(kind)) {
    const called = typeof given === 'function' ? given.name : given;
    const hint =
      typeof called === 'string' && kinds.includes(called)
        ? `call it: ${called}(${SETTINGS[called as Initializer['kind']]?.name ?? ''})`
        : `initializers are: ${kinds.map((one) => `${one}(${SETTINGS[one as Initializer['kind']]?.name ?? ''})`).join(', ')}`;
    throw wrong(given === undefined ? 'it has no initializer' : `${show(given)} is not an initializer`, hint);
  }
  const setting = SETTINGS[kind as Initializer['kind']];
  if (setting === undefined) return;
  const value = fields[setting.name];
  if (typeof value === 'number' && Number.isFinite(value) && (setting.negative || value >= 0)) return;
  throw wrong(
    `${setting.name} of ${kind} is ${show(value)}`,
    `it is a finite number${setting.negative ? '' : ' and not negative'}, such as ${kind}(0.02)`,
  );
}
