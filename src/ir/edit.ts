import { applyPatches, castDraft, type Draft, enablePatches, type Patch, produceWithPatches } from 'immer';
import { checkArguments } from '../base/arguments.ts';
import { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { checkGraph } from './check.ts';
import { type Graph, irKind } from './graph.ts';
import { type OpRegistry, registryKind } from './record.ts';

/** What changed, as JSON-patch-like records: plain data. */
export type GraphPatch = Patch;

export interface Edited {
  readonly graph: Graph;
  /** turn the old graph into the new one */
  readonly patches: readonly GraphPatch[];
  /** turn the new graph back into the old one */
  readonly inverse: readonly GraphPatch[];
}

/**
 * Lets `recipe` change a draft of the graph as if it were mutable; the graph itself stays as it is, and what is not touched is
 * shared. The result is checked.
 * @throws FROND-I013 for an asynchronous recipe, as `checkGraph` does when the edited graph is not legal; nothing has changed then.
 */
export function edit(graph: Graph, recipe: (draft: Draft<Graph>) => void, registry: OpRegistry): Edited {
  const kinds = { graph: irKind, recipe: is.callable, registry: registryKind };
  checkArguments('edit', kinds, [graph, recipe, registry]);
  enablePatches();
  const [edited, patches, inverse] = produceWithPatches(graph, (draft) => {
    refusePromise(recipe(draft), graph.name);
  });
  checkGraph(edited, registry);
  return { graph: edited, patches, inverse };
}

/** The draft is gone when an asynchronous recipe goes on after its first await. @throws FROND-I013 */
function refusePromise(result: unknown, name: string): void {
  if (!(result instanceof Promise)) return;
  result.catch(() => undefined);
  throw new FrondError('FROND-I013', `edit of graph ${name}: its recipe is asynchronous`, {
    hint: 'load what it needs before, and change the draft at once',
  });
}

/** Applies the patches of an edit, or its inverse ones to undo it. @throws FROND-I013 for patches of another graph, and as `checkGraph` does. */
export function applyEdit(graph: Graph, patches: readonly GraphPatch[], registry: OpRegistry): Graph {
  const kinds = { graph: irKind, patches: is.listOf(patchKind, 'patches'), registry: registryKind };
  checkArguments('applyEdit', kinds, [graph, patches, registry]);
  enablePatches();
  const edited = patched(graph, patches);
  checkGraph(edited, registry);
  return edited;
}

const patchKind = is.recordOf('a patch', {
  op: is.oneOf('replace', 'add', 'remove'),
  path: is.listOf(is.either(is.natural, is.text), 'keys'),
  value: is.unchecked,
});

function patched(graph: Graph, patches: readonly GraphPatch[]): Graph {
  try {
    return applyPatches(graph, patches as Patch[]);
  } catch (cause) {
    throw new FrondError('FROND-I013', `applyEdit: the patches do not fit graph ${graph.name}`, {
      hint: 'apply the patches of an edit to the graph that it began with, its inverse to what it gave',
      cause,
    });
  }
}

/** The patches that turn one graph into another: node by node, nodes that are shared cost nothing. */
export function diffGraphs(before: Graph, after: Graph): readonly GraphPatch[] {
  enablePatches();
  const [, patches] = produceWithPatches(before, (draft) => {
    const old = before.nodes;
    for (const id of Object.keys(old)) if (!Object.hasOwn(after.nodes, id)) delete draft.nodes[id];
    for (const [id, node] of Object.entries(after.nodes)) {
      if (old[id] !== node) draft.nodes[id] = castDraft(node);
    }
    if (before.name !== after.name) draft.name = after.name;
    if (before.inputs !== after.inputs) draft.inputs = [...after.inputs];
    if (before.outputs !== after.outputs) draft.outputs = { ...after.outputs };
    if (before.effects !== after.effects) draft.effects = [...after.effects];
  });
  return patches;
}
