import { checkArguments } from '../base/arguments.ts';
import * as is from '../base/kinds.ts';
import { errorAtCall } from '../base/source.ts';
import { checkName, joinScope } from '../ir/names.ts';
import { CALL_INSIDE, type GraphState } from './handle.ts';

// The graphs whose functions are running, innermost last. Building is synchronous, so this is no more than a call stack.
const building: GraphState[] = [];

/** Runs `build` with `state` as the graph under construction. */
export function underConstruction<R>(state: GraphState, build: () => R): R {
  building.push(state);
  try {
    return build();
  } finally {
    building.pop();
    state.finished = true;
  }
}

/** The graph under construction. @throws FROND-S022 outside of a graph's function */
function currentState(what: string): GraphState {
  const state = building.at(-1);
  if (state !== undefined) return state;
  throw errorAtCall('FROND-S022', `${what}: no graph is being built`, CALL_INSIDE);
}

/**
 * Runs `build` with `name` appended to the scope path: parameters declared in it are called `PATH/name/…`, its nodes
 * are drawn as one box. Several levels may be given at once: `encoder/layer.0`.
 */
export function scope<R>(name: string, build: () => R): R {
  checkScope(name, build);
  return within(currentState(`scope ${name}`), name, build);
}

export const checkScope = (name: string, build: () => unknown): void =>
  checkArguments('scope', { name: is.text, build: is.callable }, [name, build]);

export function within<R>({ builder }: GraphState, name: string, build: () => R): R {
  checkName(name, 'scope');
  const outer = builder.scope;
  builder.scope = joinScope(outer, name);
  try {
    return build();
  } finally {
    builder.scope = outer;
  }
}
