import { checkArguments } from '../base/arguments.ts';
import { FrondError } from '../base/errors.ts';
import { notNegative, objectOf, recordOf, text as textKind } from '../base/kinds.ts';
import { byClass, type PartialSchedule, type ScheduleTable, tableKind } from '../kernel/schedule.ts';
import { type Json, parseStrictJson } from '../store/json.ts';
import { type Tuned, tableOf, tunedKind } from './tune.ts';

export const TUNING_FORMAT = 1;

/** What was measured for one kernel and class, beside the winner, for whoever reads the file. */
export interface Measured {
  readonly milliseconds: number;
  readonly builtInMilliseconds: number;
}

/** What is known of one device, as found by one version of frond. */
export interface DeviceTuning {
  readonly table: ScheduleTable;
  /** kernel → class → times */
  readonly measured: Readonly<Record<string, Readonly<Record<string, Measured>>>>;
}

/** By adapter and version: see `tuningKey`. */
export type TuningCache = Readonly<Record<string, DeviceTuning>>;

/** Winners hold for the adapter and the version of frond that they were measured with, and for nothing else. */
export function tuningKey(device: string, adapter: string, version: string): string {
  const kinds = { device: textKind, adapter: textKind, version: textKind };
  checkArguments('tuningKey', kinds, [device, adapter, version]);
  return `${device}, ${adapter}, frond ${version}`;
}

const measuredKind = recordOf('times', { milliseconds: notNegative, builtInMilliseconds: notNegative });
const deviceKind = recordOf('what is known of a device', {
  table: tableKind,
  measured: byClass(measuredKind),
});
const cacheKind = objectOf(deviceKind, 'a tuning cache');

/** `cache` with new findings under `key`: those of the same kernel and class are replaced, the others stay. */
export function rememberTuning(cache: TuningCache, key: string, tuned: readonly Tuned[]): TuningCache {
  const kinds = { cache: cacheKind, key: textKind, tuned: tunedKind };
  checkArguments('rememberTuning', kinds, [cache, key, tuned]);
  const known = cache[key] ?? { table: {}, measured: {} };
  const found = tableOf(tuned);
  const table: Record<string, Record<string, PartialSchedule>> = {};
  const measured: Record<string, Record<string, Measured>> = {};
  for (const [kernel, entries] of Object.entries(known.table)) table[kernel] = { ...entries };
  for (const [kernel, entries] of Object.entries(known.measured)) measured[kernel] = { ...entries };
  for (const { kernel, shapeClass, milliseconds, builtInMilliseconds } of tuned) {
    const winner = found[kernel]?.[shapeClass];
    const { [shapeClass]: _, ...others } = table[kernel] ?? {};
    table[kernel] = winner === undefined ? others : { ...others, [shapeClass]: winner };
    measured[kernel] = { ...measured[kernel], [shapeClass]: { milliseconds, builtInMilliseconds } };
  }
  return { ...cache, [key]: { table, measured } };
}

/** Text that a person can read and edit. */
export function printTuning(cache: TuningCache): string {
  checkArguments('printTuning', { cache: cacheKind }, [cache]);
  return `${JSON.stringify({ format: TUNING_FORMAT, devices: cache }, null, 2)}\n`;
}

/** @throws FROND-F040 when the text is no tuning cache, with the place in it; FROND-W002 when it is no JSON */
export function parseTuning(text: string, file: string): TuningCache {
  checkArguments('parseTuning', { text: textKind, file: textKind }, [text, file]);
  const refuse = (what: string): never => {
    throw new FrondError('FROND-F040', `${what} is not what a tuning cache holds`, {
      place: { file },
      hint: 'mend the entry, or remove the file: built-in schedules apply without it',
    });
  };
  const root = mapOf(parseStrictJson(text, file), 'the whole', refuse);
  if (root.get('format') !== TUNING_FORMAT) refuse(`format ${JSON.stringify(root.get('format') ?? null)}`);
  const devices = [...mapOf(root.get('devices'), 'devices', refuse)];
  return Object.fromEntries(devices.map(([key, value]) => [key, deviceOf(value, `devices ${key}`, refuse)]));
}

type Refuse = (what: string) => never;

function mapOf(value: Json | undefined, where: string, refuse: Refuse): ReadonlyMap<string, Json> {
  return value instanceof Map ? value : refuse(where);
}

function deviceOf(value: Json, where: string, refuse: Refuse): DeviceTuning {
  const entry = mapOf(value, where, refuse);
  return {
    table: entriesOf(entry.get('table'), `${where}, table`, refuse, scheduleOf),
    measured: entriesOf(entry.get('measured'), `${where}, measured`, refuse, measuredOf),
  };
}

function entriesOf<T>(
  value: Json | undefined,
  where: string,
  refuse: Refuse,
  read: (value: Json, where: string, refuse: Refuse) => T,
): Record<string, Record<string, T>> {
  const kernels = [...mapOf(value, where, refuse)].map(([kernel, classes]) => {
    const entries = [...mapOf(classes, `${where}, ${kernel}`, refuse)];
    const found = entries.map(
      ([key, each]) => [key, read(each, `${where}, ${kernel}, ${key}`, refuse)] as const,
    );
    return [kernel, Object.fromEntries(found)] as const;
  });
  return Object.fromEntries(kernels);
}

function measuredOf(value: Json, where: string, refuse: Refuse): Measured {
  const entry = mapOf(value, where, refuse);
  const [milliseconds, builtInMilliseconds] = [entry.get('milliseconds'), entry.get('builtInMilliseconds')];
  if (typeof milliseconds !== 'number' || typeof builtInMilliseconds !== 'number') return refuse(where);
  return { milliseconds, builtInMilliseconds };
}

const isCount = (value: Json | undefined): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value > 0;

function scheduleOf(value: Json, where: string, refuse: Refuse): PartialSchedule {
  const fields = [...mapOf(value, where, refuse)].map(([name, field]): [string, unknown] => {
    const at = `${where}, ${name}`;
    switch (name) {
      case 'tiles':
        return [
          name,
          Object.fromEntries([...mapOf(field, at, refuse)].map((tile) => tileOf(tile, at, refuse))),
        ];
      case 'workgroup':
        return Array.isArray(field) && field.length === 2 && field.every(isCount)
          ? [name, field]
          : refuse(at);
      case 'stage':
      case 'split':
        return isCount(field) ? [name, field] : refuse(at);
      case 'pack':
      case 'blocks':
        return typeof field === 'boolean' ? [name, field] : refuse(at);
      default:
        return refuse(at);
    }
  });
  return Object.fromEntries(fields);
}

function tileOf([axis, extent]: readonly [string, Json], where: string, refuse: Refuse): [string, number] {
  return isCount(extent) && extent % 4 === 0 ? [axis, extent] : refuse(`${where}, ${axis}`);
}
