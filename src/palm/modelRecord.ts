import { defined, FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { mapValues, own } from '../base/own.ts';
import { fingerprint } from '../base/random.ts';
import { typedGraph } from '../ir/check.ts';
import type { Graph, Node } from '../ir/graph.ts';
import { placeOf } from '../ir/names.ts';
import type { OpRecord, OpRegistry } from '../ir/record.ts';
import type { Schedule } from '../kernel/ir.ts';
import { scheduleKey } from '../kernel/schedule.ts';
import { ops } from '../ops/index.ts';
import type { LoadedCheckpoint } from '../store/checkpoint.ts';
import type { ComponentRecord, Head, Reader } from './contract.ts';
import { resultName } from './graphs.ts';
import type { Learner } from './learner.ts';
import { graphFrom, graphRecord, malformed, pathOf, readRecord } from './record.ts';
import type { Inference, Setup, Source } from './setup.ts';

export const MODEL = 'model.json';

const graph = is.typed<Graph>(is.object);
const component = is.nullable(
  is.typed<ComponentRecord>(is.withFields('what a component is made of', { kind: is.text })),
);
const device = is.withFields('a device', {
  name: is.text,
  /** the hardware, where results depend on it */
  adapter: is.nullable(is.text),
});
const kernel = is.withFields('a kernel', {
  name: is.text,
  variant: is.text,
  /** under which its schedule was looked up */
  shapeClass: is.text,
  schedule: is.typed<Schedule>(is.object),
});
const taskForm = {
  name: is.name,
  head: component,
  /** the task whose parameters its head shares */
  scope: is.optional(is.name),
};
/** A step and what it learns from. */
const sourceForm = {
  /** training losses */
  forward: graph,
  /** forward, backward and update */
  step: graph,
};
/** How the examples of a reader are predicted; what runs of earlier versions do not say is optional. */
const inferenceForm = {
  prediction: graph,
  /** null: made by a program of the user's own, which must be given again to predict */
  reader: component,
  tasks: is.listOf(is.withFields('a task', taskForm), 'tasks'),
  /** fingerprints of what the ids of each tensor stood for: see `namesRecord` */
  names: is.optional(is.objectOf(is.text, 'fingerprints')),
  /** most words that the model takes; null: any number */
  maximumLength: is.optional(is.nullable(is.count)),
};
/** What a file must say of a model: of its first source and its first inference, and of the others where there are several. */
const modelForm = {
  name: is.name,
  ...sourceForm,
  ...inferenceForm,
  /** where tasks alternate: the steps of those after the first */
  sources: is.optional(is.listOf(is.withFields('a source', sourceForm), 'sources')),
  /** where tasks have readers of their own: those after the first */
  inferences: is.optional(is.listOf(is.withFields('an inference', inferenceForm), 'inferences')),
  /** what it was trained on last */
  device: is.optional(device),
  /** kernels of the training step with the schedules that they ran with: what rounding depends on */
  kernels: is.optional(is.listOf(kernel, 'kernels')),
  /** of all the rest: see `sealOf` */
  seal: is.optional(is.text),
};
/** All that predicting takes, beside the weights: plain data in every checkpoint. */
export type ModelRecord = Required<is.OptionsOf<typeof modelForm>>;
export type InferenceRecord = is.OptionsOf<typeof inferenceForm>;
/** One for each reader, the first of which is the record itself. */
export const inferencesOf = (record: ModelRecord): readonly InferenceRecord[] => [
  record,
  ...record.inferences,
];
/** The graphs whose parameters are those of the model. */
export const graphsOf = (record: ModelRecord): readonly Graph[] => [
  ...[record, ...record.sources].map(({ step }) => step),
  ...inferencesOf(record).map(({ prediction }) => prediction),
];
type DeviceRecord = is.TypeOf<typeof device>;
type KernelRecord = is.TypeOf<typeof kernel>;

/** What tells apart the names that a reader or a head has for ids, by tensor. */
export const namesRecord = ({ names = {} }: Reader | Head): Record<string, string> =>
  mapValues(names, (list) => fingerprint(JSON.stringify(list)));

/** Whose ids mean something else than those of the run. @throws FROND-C012 */
export function checkMeaning({ names }: Partial<InferenceRecord>, part: Reader | Head, folder: string): void {
  // runs of earlier versions call the classes `intents`
  const known = { labels: own(names, 'intents'), ...names };
  const other = Object.entries(namesRecord(part)).find(
    ([tensor, print]) => (own(known, tensor) ?? print) !== print,
  );
  if (other === undefined) return;
  const what = 'pack' in part ? 'reader' : 'head';
  throw new FrondError(
    'FROND-C012',
    `${what} ${part.name} has other names for the ids of ${other[0]} than the run in ${folder}, or has them in another order`,
    { place: { file: folder }, hint: 'give it those that the run was trained with' },
  );
}

/** Numbers that a checkpoint keeps as constants of its graphs: they stand in JSON, of which no text is longer than 512 MB. */
const MAX_CONSTANTS = 4_000_000;

/** @throws FROND-C014 for graphs with so many constants that no checkpoint could be written */
export function checkConstants({ name, sources, inferences }: GraphsToSave): void {
  const countOf = ({ attributes: { value } }: Node): number => (Array.isArray(value) ? value.length : 0);
  const graphs = [
    ...sources.flatMap(({ forward, step }) => [forward, step]),
    ...inferences.map(({ prediction }) => prediction),
  ];
  const nodes = graphs.flatMap((graph) => Object.values(graph.nodes));
  const total = nodes.reduce((sum, node) => sum + countOf(node), 0);
  if (total <= MAX_CONSTANTS) return;
  const node = nodes.reduce((most, one) => (countOf(one) > countOf(most) ? one : most));
  const where = `a checkpoint keeps ${MAX_CONSTANTS}; ${countOf(node)} of them stand here`;
  throw new FrondError('FROND-C014', `the graphs of ${name} hold ${total} numbers as constants, ${where}`, {
    ...placeOf(node),
    hint: 'compute them in the graph from fewer, or keep them as a parameter that is not trained: { trainable: false }',
  });
}

interface GraphsToSave extends Pick<Setup, 'name'> {
  readonly sources: readonly Pick<Source, 'forward' | 'step'>[];
  readonly inferences: readonly Pick<Inference, 'prediction'>[];
}

const kernelsOf = ({ steppers }: Learner): KernelRecord[] =>
  [...steppers.values()].flatMap(({ program }) =>
    program.schedules.map(({ kernel, ...rest }) => ({ name: kernel, ...rest })),
  );

const deviceOf = ({ state: { device } }: Learner): DeviceRecord => ({
  name: device.name,
  adapter: device.adapter?.name ?? null,
});

const sourceRecord = ({ forward, step }: Source) => ({
  forward: graphRecord(forward),
  step: graphRecord(step),
});

const inferenceRecord = ({ prediction, reader, tasks, maximumLength = Number.NaN }: Inference) => ({
  prediction: graphRecord(prediction),
  reader: reader.record ?? null,
  tasks: tasks.map(({ name, head, scope }) => ({
    name,
    head: head.record ?? null,
    ...(scope === undefined ? {} : { scope }),
  })),
  names: Object.assign({}, ...[reader, ...tasks.map(({ head }) => head)].map(namesRecord)),
  maximumLength: Number.isFinite(maximumLength) ? maximumLength : null,
});

export function modelRecord(learner: Learner): Omit<ModelRecord, 'seal'> {
  const { name, sources, inferences } = learner.setup;
  const [source, ...otherSources] = sources.map(sourceRecord);
  const [inference, ...otherInferences] = inferences.map(inferenceRecord);
  return {
    name,
    ...defined(source, 'source'),
    ...defined(inference, 'inference'),
    sources: otherSources,
    inferences: otherInferences,
    device: deviceOf(learner),
    kernels: kernelsOf(learner),
  };
}

const shown = ({ name, adapter }: DeviceRecord): string => (adapter === null ? name : `${name} (${adapter})`);

/**
 * What a run that goes on has otherwise than the one that was saved, and its bytes depend on: the device, or else the schedules of
 * kernels. Undefined where there is nothing, or the saved record does not say.
 */
export function otherDevice(saved: Partial<ModelRecord>, learner: Learner): string | undefined {
  const { device = deviceOf(learner), kernels = [] } = saved;
  const now = shown(deviceOf(learner));
  if (shown(device) !== now) return `it was trained on ${shown(device)} and goes on on ${now}`;
  const key = ({ name, variant, shapeClass }: KernelRecord): string => [name, variant, shapeClass].join('|');
  const known = new Map(kernels.map((kernel) => [key(kernel), scheduleKey(kernel.schedule)]));
  const changed = kernelsOf(learner).filter((kernel) => {
    const schedule = known.get(key(kernel));
    return schedule !== undefined && schedule !== scheduleKey(kernel.schedule);
  });
  if (changed.length === 0) return undefined;
  return `it was trained with other schedules of ${[...new Set(changed.map(({ name }) => name))].join(', ')}`;
}

/**
 * An op of the update phase, such as an optimizer of the user's own, of which a checkpoint knows the name only, or one as an earlier
 * version of frond had it: predicting does without it.
 */
const update = (name: string): OpRecord => ({
  name,
  doc: 'an op of the update phase',
  kind: 'update',
  arity: [0, Number.POSITIVE_INFINITY],
  shape: () => [{ dtype: 'f32', shape: [] }],
});

/** The ops of frond, and what the update phase of a graph has, whatever its operands and attributes are. */
function registryFor({ nodes }: Graph): OpRegistry {
  const own = Object.values(Object(nodes)).flatMap((node) => {
    const { op, phase } = Object(node) as { readonly op?: unknown; readonly phase?: unknown };
    const isUpdate = phase === 'update' && (ops.get(String(op))?.kind ?? 'update') === 'update';
    return typeof op === 'string' && isUpdate ? [op] : [];
  });
  return own.length === 0 ? ops : new Map([...ops, ...own.map((op) => [op, update(op)] as const)]);
}

/**
 * What a checkpoint says of its model, with its form and its graphs checked: whatever stands in the file, nothing later meets a
 * value that it does not expect.
 * @throws FROND-F013 when no training run saved it, FROND-I… and S… for a graph that is not legal
 */
export async function modelOf(checkpoint: LoadedCheckpoint): Promise<ModelRecord> {
  const file = pathOf(checkpoint, MODEL);
  const given = (await readRecord(checkpoint, MODEL, modelForm)) as ModelRecord;
  const record = { ...given, sources: given.sources ?? [], inferences: given.inferences ?? [] };
  const tasks = inferencesOf(record).flatMap((inference) => inference.tasks.map(({ name }) => name));
  const twice = tasks.find((task, i) => tasks.indexOf(task) !== i);
  if (twice !== undefined) throw malformed(file, `it has two tasks ${twice}`);
  const read = (graph: Graph): Graph => {
    try {
      const given = graphFrom(graph);
      return typedGraph(given, registryFor(given));
    } catch (cause) {
      throw cause instanceof FrondError ? cause.with({ place: { file } }) : cause;
    }
  };
  const readSource = <S extends Pick<ModelRecord, 'forward' | 'step'>>(source: S): S => ({
    ...source,
    forward: read(source.forward),
    step: read(source.step),
  });
  const readInference = <I extends InferenceRecord>(inference: I): I => {
    const prediction = read(inference.prediction);
    const stray = Object.keys(prediction.outputs).find(
      (output) => !inference.tasks.some(({ name }) => output.startsWith(resultName(name, ''))),
    );
    if (stray !== undefined) throw malformed(file, `its prediction gives ${stray}, of no task`);
    return { ...inference, prediction };
  };
  const sources = record.sources.map(readSource);
  const inferences = record.inferences.map(readInference);
  return { ...readInference(readSource(record)), sources, inferences };
}
