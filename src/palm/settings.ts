import { FrondError } from '../base/errors.ts';

/** How a value is shown in an error. */
function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return `the function ${value.name || 'without a name'}`;
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

const outOfRange = (setting: string, value: unknown, range: string): FrondError =>
  new FrondError('FROND-T002', `${setting} is ${show(value)}`, { hint: `give ${range}` });

type Settings = Readonly<Record<string, unknown>>;

/** @throws FROND-T002 for a setting that is no whole number from `least` on */
export function checkWhole(settings: Settings, least: number): void {
  for (const [setting, value] of Object.entries(settings)) {
    if (Number.isInteger(value) && Number(value) >= least && Number(value) < 2 ** 32) continue;
    throw outOfRange(setting, value, least === 0 ? 'a whole number from 0 on' : 'a positive whole number');
  }
}

/** @throws FROND-T002 for a setting that is no finite number */
export function checkFinite(settings: Settings): void {
  for (const [setting, value] of Object.entries(settings)) {
    if (!Number.isFinite(value)) throw outOfRange(setting, value, 'a finite number');
  }
}

/** @throws FROND-T002 for a setting that is negative or not finite */
export function checkNotNegative(settings: Settings): void {
  for (const [setting, value] of Object.entries(settings)) {
    if (Number.isFinite(value) && Number(value) >= 0) continue;
    throw outOfRange(setting, value, 'a finite number from 0 on');
  }
}

/** @throws FROND-T002 for a setting that is no number from 0 to below 1 */
export function checkFraction(settings: Settings): void {
  for (const [setting, value] of Object.entries(settings)) {
    if (Number.isFinite(value) && Number(value) >= 0 && Number(value) < 1) continue;
    throw outOfRange(setting, value, 'a number from 0 on, below 1');
  }
}

/** @throws FROND-T002 for a setting that is not above 0, or not finite; `instead` ends the hint */
export function checkPositive(settings: Settings, instead = ''): void {
  for (const [setting, value] of Object.entries(settings)) {
    if (Number.isFinite(value) && Number(value) > 0) continue;
    throw outOfRange(setting, value, `a finite number above 0${instead}`);
  }
}

/** @throws FROND-T002 for what is no path of a folder */
export function checkFolder(caller: string, folder: unknown): void {
  if (typeof folder === 'string' && folder !== '') return;
  throw outOfRange(`the folder of ${caller}`, folder, 'the path of the run');
}

/** @throws FROND-T002 for what is no list, such as one text */
export function checkInputs(inputs: unknown): void {
  if (Array.isArray(inputs)) return;
  throw outOfRange('what predict is given', inputs, "a list, such as predict(['a text'])");
}

/** @throws FROND-T002 for a device's name, or for a function that makes one */
export function checkDevice(device: unknown): void {
  if (device === undefined) return;
  const made = typeof device === 'object' && device !== null && 'allocate' in device;
  if (made) return;
  throw outOfRange('device', device, "a device: (await chooseDevice('auto')).device or wasmDevice()");
}

/** @throws FROND-T002 for what is no optimizer, such as the function that makes one */
export function checkOptimizer(optimizer: unknown): void {
  if (typeof optimizer === 'object' && optimizer !== null && 'rule' in optimizer) return;
  throw outOfRange('optimizer', optimizer, 'an optimizer, such as palm.adam({ rate: 0.001 })');
}

/** Letters to insert, delete or change to make one text of the other (Levenshtein 1966), without regard to case. */
function editDistance(from: string, to: string): number {
  const [a, b] = [from.toLowerCase(), to.toLowerCase()];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/**
 * Refuses what would be passed over in silence.
 * @throws FROND-T002 for an option that `caller` does not have, naming the nearest one; for options that are none
 */
export function checkOptions(caller: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw outOfRange(`the options object of ${caller}`, options, `an object with ${known.join(', ')}`);
  }
  const unknown = Object.keys(options).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  const [nearest] = [...known].sort((a, b) => editDistance(unknown, a) - editDistance(unknown, b));
  throw new FrondError('FROND-T002', `${caller} has no option ${unknown}`, {
    hint: `did you mean ${nearest}? It has: ${known.join(', ')}`,
  });
}
