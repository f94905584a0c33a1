import { platform } from '#platform';
import { FrondError } from '../base/errors.ts';
import { typedGraph } from '../ir/check.ts';
import type { Graph } from '../ir/graph.ts';
import type { OpRecord, OpRegistry } from '../ir/record.ts';
import { ops } from '../ops/index.ts';
import type { LoadedCheckpoint } from '../store/checkpoint.ts';
import { resultName } from './graphs.ts';
import { type ModelRecord, modelForm } from './modelRecord.ts';
import { checkForm, decodeJson, fileOf, graphFrom, isChanged, malformed } from './snapshot.ts';

export const MODEL = 'model.json';

/** The update of an optimizer of the user's own: a checkpoint knows its name only, and predicting does without it. */
const update = (name: string): OpRecord => ({
  name,
  doc: "an optimizer of the user's own",
  kind: 'update',
  arity: [0, Number.POSITIVE_INFINITY],
  shape: () => [{ dtype: 'f32', shape: [] }],
});

/** The ops of frond, and as updates those that the update phase of a graph has beside them. */
function registryFor({ nodes }: Graph): OpRegistry {
  const own = Object.values(Object(nodes)).flatMap((node) => {
    const { op, phase } = Object(node) as { readonly op?: unknown; readonly phase?: unknown };
    return typeof op === 'string' && phase === 'update' && !ops.has(op) ? [op] : [];
  });
  return own.length === 0 ? ops : new Map([...ops, ...own.map((op) => [op, update(op)] as const)]);
}

/**
 * What a checkpoint says of its model, with its form and its graphs checked: whatever stands in the file, nothing later meets a
 * value that it does not expect.
 * @throws FROND-F013 when no training run saved it, FROND-I… and S… for a graph that is not legal
 */
export function modelOf(checkpoint: LoadedCheckpoint): ModelRecord {
  const file = platform.files.join(checkpoint.folder, MODEL);
  const given = decodeJson(fileOf(checkpoint, MODEL), file);
  checkForm(given, modelForm, file);
  const record = given as ModelRecord;
  const tasks = record.tasks.map((task) => task.name);
  const twice = tasks.find((task, i) => tasks.indexOf(task) !== i);
  if (twice !== undefined) throw malformed(file, `it has two tasks ${twice}`);
  const graphs = { forward: record.forward, step: record.step, prediction: record.prediction };
  for (const [which, graph] of Object.entries(graphs)) {
    try {
      const read = graphFrom(graph);
      graphs[which as keyof typeof graphs] = typedGraph(read, registryFor(read));
    } catch (cause) {
      throw cause instanceof FrondError ? cause.with({ place: { file } }) : cause;
    }
  }
  const stray = Object.keys(graphs.prediction.outputs).find(
    (output) => !tasks.some((task) => output.startsWith(resultName(task, ''))),
  );
  if (stray !== undefined) throw malformed(file, `its prediction gives ${stray}, of no task`);
  return { ...record, ...graphs };
}

/**
 * Makes sure that a model is what was saved: a legal graph with another constant would answer, and wrongly.
 * @throws FROND-F013
 */
export async function checkSeal(checkpoint: LoadedCheckpoint): Promise<void> {
  const file = platform.files.join(checkpoint.folder, MODEL);
  if (await isChanged(decodeJson(fileOf(checkpoint, MODEL), file)))
    throw malformed(file, 'its content has changed since it was saved');
}
