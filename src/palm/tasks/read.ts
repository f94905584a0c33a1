import { show } from '../../base/arguments.ts';
import { FrondError, type SourcePlace } from '../../base/errors.ts';
import * as is from '../../base/kinds.ts';
import { shown } from '../../base/shown.ts';
import { type JsonPath, parseStrictJson } from '../../store/json.ts';
import { type TasksSettings, tasksForm } from './settings.ts';

// From the text of a tasks file to its settings, or to what is wrong with it and where.

/** What is wrong with a setting. */
interface Fault {
  readonly path: JsonPath;
  readonly what: string;
  readonly hint: string;
}
/** Where a setting stands; without a text there are no places. */
type PlaceOf = (path: JsonPath, of: 'value' | 'name') => SourcePlace | undefined;

const shownPath = (path: JsonPath): string => shown(path.map(String).join('.')) || 'the file';
const keyOf = (path: JsonPath): string => JSON.stringify(path);

/** The value at a path; undefined where there is none. */
const at = (value: unknown, path: JsonPath): unknown =>
  path.reduce<unknown>(
    (inner, name) =>
      typeof inner === 'object' && inner !== null && Object.hasOwn(inner, name)
        ? inner[name as keyof typeof inner]
        : undefined,
    value,
  );

/** Where the settings of a text stand, in lines and columns from 1. */
function places(text: string, file: string): { readonly value: unknown; readonly placeOf: PlaceOf } {
  const offsets = new Map<string, { readonly value: number; readonly name: number }>();
  const value = parseStrictJson(text, file, (path, value, name = value) =>
    offsets.set(keyOf(path), { value, name }),
  );
  // what is missing stands nowhere: its place is that of what should hold it
  const placeOf: PlaceOf = (path, of) => {
    const found = offsets.get(keyOf(path));
    if (found === undefined) return path.length === 0 ? { file } : placeOf(path.slice(0, -1), of);
    const before = text.slice(0, found[of]).split(/\r\n?|\n/);
    return { file, line: before.length, column: (before.at(-1) ?? '').length + 1 };
  };
  return { value, placeOf };
}

/** What the settings say of each other that does not hold. */
function* contradictions(settings: TasksSettings): Generator<Fault> {
  const { data, tasks, policy, training } = settings;
  const [sets, all] = [Object.keys(data), Object.keys(tasks)];
  const unknown = (path: JsonPath, what: string, given: string, names: readonly string[]): Fault => ({
    path,
    what: `there is no ${what} ${show(given)}`,
    hint: `give one of ${names.join(', ')}`,
  });
  if (all.length === 0) yield { path: ['tasks'], what: 'there are no tasks', hint: 'give at least one' };
  for (const [task, { kind, data: set, reuseHeadWith: other }] of Object.entries(tasks)) {
    const path = ['tasks', task];
    if (set === undefined && sets.length !== 1)
      yield { path, what: `${shownPath(path)}.data is missing`, hint: `give one of ${sets.join(', ')}` };
    if (set !== undefined && !sets.includes(set)) yield unknown([...path, 'data'], 'data set', set, sets);
    if (other !== undefined && all.indexOf(other) < 0)
      yield unknown([...path, 'reuseHeadWith'], 'task', other, all);
    if (other !== undefined && all.indexOf(other) >= all.indexOf(task))
      yield {
        path: [...path, 'reuseHeadWith'],
        what: `task ${shown(other)} stands behind ${shown(task)}`,
        hint: 'put it first',
      };
    const [mine, first] = [dataOf(settings, task), dataOf(settings, all[0] ?? '')];
    const joint = data[mine]?.format === 'joint';
    if (joint && kind !== 'classify' && kind !== 'sequenceLabel')
      yield {
        path: [...path, 'kind'],
        what: `task ${shown(task)} is of kind ${kind}, its data set is joint`,
        hint: 'give classify, for its intents, or sequenceLabel, for its tags',
      };
    if (policy === 'joint' && all.length > 1 && (!joint || mine !== first))
      yield {
        path: ['policy'],
        what: `task ${shown(task)} cannot learn jointly with the others`,
        hint: 'such tasks share one data set of format joint; with the policy alternate each has its own',
      };
  }
  const { reference } = training;
  if (reference !== undefined && !all.includes(reference))
    yield unknown(['training', 'reference'], 'task', reference, all);
}

/** The name of the data set of a task. */
export const dataOf = ({ data, tasks }: Pick<TasksSettings, 'data' | 'tasks'>, task: string): string =>
  tasks[task]?.data ?? Object.keys(data)[0] ?? '';

/**
 * The settings in a tasks file, checked, with defaults for what it leaves out.
 * @param source the text, or what it holds
 * @param file named in errors
 * @throws FROND-T040 for a setting that is missing, unknown or invalid, with its line and column; W002 for what is no JSON
 */
export function readSettings(source: unknown, file: string): TasksSettings {
  const { value, placeOf } = is.text.holds(source)
    ? places(source, file)
    : { value: source, placeOf: () => ({ file }) };
  const fail = ({ path, what, hint }: Fault, of: 'value' | 'name'): never => {
    throw new FrondError('FROND-T040', what, { place: placeOf(path, of), hint });
  };
  const { data, error } = tasksForm.safeParse(value);
  if (data !== undefined) {
    for (const fault of contradictions(data)) fail(fault, 'value');
    return data;
  }
  // a name that is not known is often the one that is missing
  const [odd] = error.issues.filter(({ code }) => code === 'unrecognized_keys');
  const { path, message, ...issue } = odd ?? error.issues[0] ?? { path: [], message: '', code: 'custom' };
  if (issue.code === 'unrecognized_keys') {
    const [name = ''] = issue.keys;
    return fail(
      { path: [...path, name], what: `${shownPath(path)} has no setting ${shown(name)}`, hint: message },
      'name',
    );
  }
  const given = at(value, path);
  const what = `${shownPath(path)} is ${given === undefined ? 'missing' : show(given)}`;
  return fail({ path, what, hint: message }, 'value');
}
