import { checkArguments } from '../base/arguments.ts';
import { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { own } from '../base/own.ts';
import { byClass, type PartialSchedule, tableKind } from '../kernel/schedule.ts';
import { type Json, parseStrictJson } from '../store/json.ts';
import { type Tuned, tableOf, tunedKind } from './tune.ts';

export const TUNING_FORMAT = 1;

const measuredKind = is.recordOf('times', {
  milliseconds: is.notNegative,
  builtInMilliseconds: is.notNegative,
});
/** What was measured for one kernel and class, beside the winner, for whoever reads the file. */
export type Measured = is.TypeOf<typeof measuredKind>;

const tuningKind = is.recordOf('what is known of a device', {
  table: tableKind,
  /** kernel → class → times */
  measured: byClass(measuredKind),
});
/** What is known of one device, as found by one version of frond. */
export type DeviceTuning = is.TypeOf<typeof tuningKind>;

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
  const found = tableOf(tuned);
  const table: Record<string, Readonly<Record<string, PartialSchedule>>> = { ...known.table };
  const measured: Record<string, Readonly<Record<string, Measured>>> = { ...known.measured };
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

/** What may stand at a place of the file. */
type Form =
  | { readonly is: (value: Json) => boolean }
  | { readonly each: Form }
  | { readonly all: Readonly<Record<string, Form>> }
  | { readonly some: Readonly<Record<string, Form>> };

const isCount = (value: Json): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
const isPair = (value: Json): boolean => Array.isArray(value) && value.length === 2 && value.every(isCount);
const isTile = (value: Json): boolean => isCount(value) && value % 4 === 0;
const [counted, switched] = [{ is: isCount }, { is: (value: Json) => typeof value === 'boolean' }];
const timed = { is: (value: Json) => typeof value === 'number' };
const byKernel = (form: Form): Form => ({ each: { each: form } });

const TUNING: Form = {
  all: {
    table: byKernel({
      some: {
        tiles: { each: { is: isTile } },
        workgroup: { is: isPair },
        stage: counted,
        split: counted,
        pack: switched,
        blocks: switched,
      },
    }),
    measured: byKernel({ all: { milliseconds: timed, builtInMilliseconds: timed } }),
  },
};

type Refuse = (what: string) => never;

const fieldsOf = (value: Json | undefined, where: string, refuse: Refuse): Readonly<Record<string, Json>> =>
  is.object.holds(value) ? (value as Readonly<Record<string, Json>>) : refuse(where);

/** A value of the file as plain data, where it has the form that its place asks for. */
function read(value: Json | undefined, form: Form, where: string, refuse: Refuse): unknown {
  if ('is' in form) return value !== undefined && form.is(value) ? value : refuse(where);
  const fields = fieldsOf(value, where, refuse);
  const names = 'all' in form ? Object.keys(form.all) : Object.keys(fields);
  const entries = names.map((name) => {
    const at = `${where}, ${name}`;
    const inner = 'each' in form ? form.each : own('all' in form ? form.all : form.some, name);
    return [name, inner === undefined ? refuse(at) : read(own(fields, name), inner, at, refuse)] as const;
  });
  return Object.fromEntries(entries);
}

/** @throws FROND-F040 when the text is no tuning cache, with the place in it; FROND-W002 when it is no JSON */
export function parseTuning(text: string, file: string): TuningCache {
  checkArguments('parseTuning', { text: is.text, file: is.text }, [text, file]);
  const refuse = (what: string): never => {
    throw new FrondError('FROND-F040', `${what} is not what a tuning cache holds`, {
      place: { file },
      hint: 'mend the entry, or remove the file: built-in schedules apply without it',
    });
  };
  const { format, devices: known } = fieldsOf(parseStrictJson(text, file), 'the whole', refuse);
  if (format !== TUNING_FORMAT) refuse(`format ${JSON.stringify(format ?? null)}`);
  const devices = Object.entries(fieldsOf(known, 'devices', refuse));
  return Object.fromEntries(
    devices.map(([key, value]) => [key, read(value, TUNING, `devices ${key}`, refuse) as DeviceTuning]),
  );
}
