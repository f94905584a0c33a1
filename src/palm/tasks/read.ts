import { show } from '../../base/arguments.ts';
import { FrondError, type SourcePlace } from '../../base/errors.ts';
import * as is from '../../base/kinds.ts';
import { own } from '../../base/own.ts';
import { shown } from '../../base/shown.ts';
import { type JsonPath, parseStrictJson } from '../../store/json.ts';
import { placeIn } from '../reader/text.ts';
import { spellingOptions } from '../tokenizer/spelling.ts';
import { pick, readerSettingOf } from './kinds.ts';
import { type TasksSettings, tasksForm } from './settings.ts';

// From the text of a tasks file to its settings, or to what is wrong with it and where.

/** Refuses the setting at a path, or its name. */
type Fail = (path: JsonPath, what: string, hint: string, of?: 'value' | 'name') => never;
/** Where a setting stands; without a text there are no places. */
type PlaceOf = (path: JsonPath, of: 'value' | 'name') => SourcePlace | undefined;

const shownPath = (path: JsonPath): string => shown(path.map(String).join('.')) || 'the file';
const keyOf = (path: JsonPath): string => JSON.stringify(path);

/** The value at a path; undefined where there is none. */
const at = (value: unknown, path: JsonPath): unknown =>
  path.reduce<unknown>((inner, name) => own<unknown>(Object(inner), String(name)), value);

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
    return placeIn(text, found[of], file, 1);
  };
  return { value, placeOf };
}

/** Refuses what settings say of each other that does not hold. */
function checkTogether(settings: TasksSettings, fail: Fail): void {
  const { data, tasks, policy, training, tokenizer } = settings;
  const [sets, all] = [Object.keys(data), Object.keys(tasks)];
  const checkName = (path: JsonPath, what: string, given: string | undefined, names: readonly string[]) => {
    if (given !== undefined && !names.includes(given))
      fail(path, `there is no ${what} ${show(given)}`, `give one of ${names.join(', ')}`);
  };
  const checkIdle = (path: JsonPath, name: string | undefined, why: string): void => {
    if (name !== undefined) fail([...path, name], `${name} has no effect: ${why}`, 'leave it out');
  };
  if (tokenizer?.kind === 'file' && tokenizer.file.endsWith('.json')) {
    const [idle] = Object.keys(pick(tokenizer, spellingOptions));
    checkIdle(['tokenizer'], idle, `${shown(tokenizer.file)} says how text is spelt`);
  }
  if (sets.length === 0) fail(['data'], 'there are no data sets', 'give at least one');
  if (all.length === 0) fail(['tasks'], 'there are no tasks', 'give at least one');
  for (const [task, given] of Object.entries(tasks)) {
    const { kind, data: set, reuseHeadWith: other } = given;
    const path = ['tasks', task];
    if (set === undefined && sets.length !== 1)
      fail(path, `${shownPath(path)}.data is missing`, `give one of ${sets.join(', ')}`);
    checkName([...path, 'data'], 'data set', set, sets);
    const reusing = [...path, 'reuseHeadWith'];
    checkName(reusing, 'task', other, all);
    if (other !== undefined && all.indexOf(other) >= all.indexOf(task))
      fail(reusing, `task ${shown(other)} comes after ${shown(task)}`, 'put it first');
    const [mine, first] = [dataOf(settings, task), dataOf(settings, all[0] ?? '')];
    const joint = data[mine]?.format === 'joint';
    if (joint && kind !== 'classify' && kind !== 'sequenceLabel') {
      const hint = 'give classify, for its intents, or sequenceLabel, for its tags';
      fail([...path, 'kind'], `task ${shown(task)} is of kind ${kind}, its data set is joint`, hint);
    }
    if (joint) checkIdle(path, readerSettingOf(given), `the data set of task ${shown(task)} is joint`);
    if (policy === 'joint' && all.length > 1 && (!joint || mine !== first))
      fail(
        ['policy'],
        `task ${shown(task)} cannot learn jointly with the others`,
        'such tasks share one data set of format joint; with the policy alternate each has its own',
      );
  }
  checkName(['training', 'reference'], 'task', training.reference, all);
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
  const fail: Fail = (path, what, hint, of = 'value') => {
    throw new FrondError('FROND-T040', what, { place: placeOf(path, of), hint });
  };
  const { data, error } = tasksForm.safeParse(value);
  if (data !== undefined) {
    checkTogether(data, fail);
    return data;
  }
  // a name that is not known is often the one that is missing
  const [odd] = error.issues.filter(({ code }) => code === 'unrecognized_keys');
  const { path, message, ...issue } = odd ?? error.issues[0] ?? { path: [], message: '', code: 'custom' };
  if (issue.code === 'unrecognized_keys') {
    const [name = ''] = issue.keys;
    return fail([...path, name], `${shownPath(path)} has no setting ${shown(name)}`, message, 'name');
  }
  const given = at(value, path);
  return fail(path, `${shownPath(path)} is ${given === undefined ? 'missing' : show(given)}`, message);
}
