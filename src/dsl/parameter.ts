import { show } from '../base/arguments.ts';
import { FrondError, type SourcePlace } from '../base/errors.ts';
import { notNegative } from '../base/kinds.ts';
import { callerPlace } from '../base/source.ts';
import type { Ref } from '../ir/graph.ts';
import { INITIALIZERS, type Initializer, isInitializer } from '../ir/initializer.ts';
import { joinScope } from '../ir/names.ts';
import { checkDims } from './dims.ts';
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

/** Without this check a forgotten or misspelt initializer would show as weights that are NaN. */
function checkInitializer(name: string, given: unknown, place: SourcePlace | undefined): void {
  if (isInitializer(given)) return;
  const wrong = (what: string, hint: string): FrondError =>
    new FrondError('FROND-S019', `parameter ${name}: ${what}`, { place, hint });
  const calls = new Map(
    Object.entries(INITIALIZERS).map(([kind, settings]) => [kind, `${kind}(${Object.keys(settings)})`]),
  );
  const fields = new Map<string, unknown>(
    typeof given === 'object' && given !== null ? Object.entries(given) : [],
  );
  const kind = fields.get('kind');
  const call = typeof kind === 'string' ? calls.get(kind) : undefined;
  if (call === undefined) {
    const named = typeof given === 'function' ? given.name : given;
    const called = typeof named === 'string' ? calls.get(named) : undefined;
    throw wrong(
      given === undefined ? 'it has no initializer' : `${show(given)} is not an initializer`,
      called === undefined ? `initializers are: ${[...calls.values()].join(', ')}` : `call it: ${called}`,
    );
  }
  const [setting = '', wanted] = Object.entries(INITIALIZERS[kind as Initializer['kind']])[0] ?? [];
  throw wrong(
    `${setting} of ${kind} is ${show(fields.get(setting))}`,
    `it is a finite number${wanted === notNegative ? ' and not negative' : ''}, such as ${kind}(0.02)`,
  );
}
