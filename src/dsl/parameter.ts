import { show } from '../base/arguments.ts';
import { printShape } from '../base/dim.ts';
import type { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { callerPlace, errorAtCall } from '../base/source.ts';
import type { Ref } from '../ir/graph.ts';
import { INITIALIZERS, type Initializer, isInitializer, settingsOf } from '../ir/initializer.ts';
import { joinScope } from '../ir/names.ts';
import { checkDims, type GraphState, wrap } from './handle.ts';
import type { DType, Shape } from './tensor.ts';

/** What is wrong with one is said by `declareParameter`, which knows the parameter's name. */
export const initializerKind = is.typed<Initializer>(is.unchecked);

export const parameterOptions = {
  /** false: no gradient and no update, such as a frozen table */
  trainable: is.optional(is.flag),
  /** whether weight decay applies; default: to rank 2 and above, since vectors are biases and scales of norms */
  decays: is.optional(is.flag),
};
export type ParameterOptions = is.OptionsOf<typeof parameterOptions>;

/**
 * Adds a parameter under the scope of the moment, or gives it again in a scope that reuses.
 * @throws FROND-S010 for another dtype than f32, FROND-S019 for an invalid initializer, FROND-S023 for a wrong dimension, FROND-S026 for a named one,
 *   FROND-S029 for a reused one that is not there or differs
 */
export function declareParameter<R>(
  state: GraphState,
  name: string,
  shape: Shape,
  initializer: Initializer,
  { dtype, ...options }: ParameterOptions & { readonly dtype: DType } = { dtype: 'f32' },
): R {
  const { builder } = state;
  builder.source = callerPlace();
  checkDims(`parameter ${name}`, shape);
  const named = shape.find((dim) => typeof dim === 'string');
  if (named !== undefined) throw nameless(`parameter ${name}: dimension ${named} has no number`);
  // weights, gradients and moments lie in flat arenas of f32
  if (dtype !== 'f32') {
    throw errorAtCall(
      'FROND-S010',
      `parameter ${name}: cannot be ${show(dtype)}`,
      'parameters are f32; feed other tensors with g.input or fix them with g.constant',
    );
  }
  const full = joinScope(builder.scope, name);
  checkInitializer(full, initializer);
  if (state.reuse) return wrap(state, declaredBefore(state, full, shape, options));
  const type = { dtype, shape: [...shape] };
  const ref = builder.parameter(name, type, { initializer: { ...initializer }, ...options });
  state.parameters.set(full, ref);
  return wrap(state, ref);
}

/** The parameter of a name, which asked for again must be what it is. @throws FROND-S029 */
function declaredBefore(
  { builder, parameters }: GraphState,
  name: string,
  shape: Shape,
  { trainable = true, decays }: ParameterOptions,
): Ref {
  const ref = parameters.get(name);
  if (ref === undefined) {
    throw errorAtCall(
      'FROND-S029',
      `parameter ${name} is reused, but was not declared before`,
      'enter the scope without { reuse: true } the first time, and build the same in it each time',
    );
  }
  const { attributes = {} } = builder.nodeOf(ref) ?? {};
  const compared = {
    shape: [printShape(builder.typeOf(ref).shape), printShape(shape)],
    trainable: [attributes.trainable, trainable],
    decays: [attributes.decays, decays],
  };
  for (const [setting, [known, asked]] of Object.entries(compared)) {
    if (known === asked) continue;
    throw errorAtCall(
      'FROND-S029',
      `parameter ${name}: its ${setting} is ${known}, reused as ${asked}`,
      'reuse gives the same parameter: build the same in the scope each time, or use another scope',
    );
  }
  return ref;
}

/** A size that a parameter takes on is a literal number when the graph is built. */
const nameless = (summary: string): FrondError =>
  errorAtCall('FROND-S026', summary, 'parameters have literal sizes; only fed dimensions are named');

/** The size of the last dim, which a parameter takes on: a literal number when the graph is built. */
export function lastSize(op: string, shape: Shape): number {
  const size = shape.at(-1);
  if (typeof size === 'number') return size;
  if (size === undefined) throw errorAtCall('FROND-S013', `${op}: the input is a scalar`);
  throw nameless(`${op}: the last dimension is ${size}, not a number`);
}

const callOf = (kind: string, settings: is.Kinds): string => `${kind}(${Object.keys(settings)})`;

/** Without this check a forgotten or misspelt initializer would show as weights that are NaN. */
function checkInitializer(name: string, given: unknown): void {
  if (isInitializer(given)) return;
  const wrong = (what: string, hint: string): FrondError =>
    errorAtCall('FROND-S019', `parameter ${name}: ${what}`, hint);
  const { kind, ...settings } = Object(given) as Readonly<Record<string, unknown>>;
  const known = settingsOf(kind);
  if (known === undefined) {
    const named: unknown = typeof given === 'function' ? given.name : given;
    const meant = settingsOf(named);
    const calls = Object.entries(INITIALIZERS).map(([each, numbers]) => callOf(each, numbers));
    throw wrong(
      given === undefined ? 'it has no initializer' : `${show(given)} is not an initializer`,
      meant === undefined
        ? `initializers are: ${calls.join(', ')}`
        : `call it: ${callOf(String(named), meant)}`,
    );
  }
  const [setting = '', wanted] = Object.entries(known)[0] ?? [];
  throw wrong(
    `${setting} of ${kind} is ${show(settings[setting])}`,
    `it is a finite number${wanted === is.notNegative ? ' and not negative' : ''}, such as ${kind}(0.02)`,
  );
}
