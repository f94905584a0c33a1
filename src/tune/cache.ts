import { checkArguments } from '../base/arguments.ts';
import { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { byClass, type PartialSchedule, scheduleFields, tableKind } from '../kernel/schedule.ts';
import { parseStrictJson } from '../store/json.ts';
import { isBuiltIn, type Tuned, tunedKind } from './tune.ts';

export const TUNING_FORMAT = 1;

const measuredKind = is.recordOf('times', {
  milliseconds: is.notNegative,
  builtInMilliseconds: is.notNegative,
});
/** What was measured for one kernel and class, beside the winner, for whoever reads the file. */
export type Measured = is.TypeOf<typeof measuredKind>;

const tuningOf = <T>(table: is.Kind<T>) =>
  /** `measured`: kernel → class → times */
  is.recordOf('what is known of a device', { table, measured: byClass(measuredKind) });
const tuningKind = tuningOf(tableKind);
const cacheKind = is.objectOf(tuningKind, 'a tuning cache');
/** By adapter and version: see `tuningKey`. */
export type TuningCache = is.TypeOf<typeof cacheKind>;

/** Winners hold for the adapter and the version of frond that they were measured with, and for nothing else. */
export function tuningKey(device: string, adapter: string, version: string): string {
  const kinds = { device: is.text, adapter: is.text, version: is.text };
  checkArguments('tuningKey', kinds, [device, adapter, version]);
  return `${device}, ${adapter}, frond ${version}`;
}

/** `cache` with new findings under `key`: those of the same kernel and class are replaced, the others stay. */
export function rememberTuning(cache: TuningCache, key: string, tuned: readonly Tuned[]): TuningCache {
  const kinds = { cache: cacheKind, key: is.text, tuned: tunedKind };
  checkArguments('rememberTuning', kinds, [cache, key, tuned]);
  const known = cache[key] ?? { table: {}, measured: {} };
  const table: Record<string, Readonly<Record<string, PartialSchedule>>> = { ...known.table };
  const measured: Record<string, Readonly<Record<string, Measured>>> = { ...known.measured };
  for (const { kernel, shapeClass, schedule, milliseconds, builtInMilliseconds } of tuned) {
    const { [shapeClass]: _, ...others } = table[kernel] ?? {};
    table[kernel] = isBuiltIn(schedule) ? others : { ...others, [shapeClass]: schedule };
    measured[kernel] = { ...measured[kernel], [shapeClass]: { milliseconds, builtInMilliseconds } };
  }
  return { ...cache, [key]: { table, measured } };
}

/** Text that a person can read and edit. */
export function printTuning(cache: TuningCache): string {
  checkArguments('printTuning', { cache: cacheKind }, [cache]);
  return `${JSON.stringify({ format: TUNING_FORMAT, devices: cache }, null, 2)}\n`;
}

const isTile = (value: unknown): boolean => is.count.holds(value) && value % 4 === 0;
const isPair = (value: unknown): boolean =>
  Array.isArray(value) && value.length === 2 && value.every(is.count.holds);

/** What the file may hold: tiles and workgroups are those that a kernel can have. */
const storedSchedule = is.recordOf('a schedule', {
  ...scheduleFields,
  tiles: is.optional(is.objectOf(is.kind('a multiple of 4', isTile), 'tiles')),
  workgroup: is.optional(is.kind('two numbers of threads', isPair)),
});
const stored = is.objectOf(tuningOf(byClass(storedSchedule)), 'devices');

/** @throws FROND-F040 when the text is no tuning cache, with the place in it; FROND-W002 when it is no JSON */
export function parseTuning(text: string, file: string): TuningCache {
  checkArguments('parseTuning', { text: is.text, file: is.text }, [text, file]);
  const refuse = (what: string): FrondError =>
    new FrondError('FROND-F040', `${what} is not what a tuning cache holds`, {
      place: { file },
      hint: 'mend the entry, or remove the file: built-in schedules apply without it',
    });
  const content = parseStrictJson(text, file);
  if (!is.object.holds(content)) throw refuse('the whole');
  const { format = null, devices }: Readonly<Record<string, unknown>> = { ...content };
  if (format !== TUNING_FORMAT) throw refuse(`format ${JSON.stringify(format)}`);
  const names = is.misfit(stored, devices);
  if (names !== undefined) throw refuse(`devices ${names.join(', ')}`.trim());
  return devices as TuningCache;
}
