import { runInThisContext } from 'node:vm';
import { FrondError, f32, graph } from '../../../src/index.ts';
import type { Call, Row } from './row.ts';

/** Seconds after which a call counts as one that never ends. */
const PATIENCE = 10;

/** What JavaScript may pass where something else was meant, by the name under which `accepted.txt` lists it. */
export const wrongValues: ReadonlyMap<string, () => unknown> = new Map<string, () => unknown>([
  ['undefined', () => undefined],
  ['null', () => null],
  ['true', () => true],
  ['NaN', () => Number.NaN],
  ['-1', () => -1],
  ['0', () => 0],
  ['1.5', () => 1.5],
  ['1e300', () => 1e300],
  ["''", () => ''],
  ["'x'", () => 'x'],
  ['Symbol()', () => Symbol('s')],
  ['1n', () => 1n],
  ['{}', () => ({})],
  ['[]', () => []],
  ['[,{}]', () => [undefined, {}]],
  ['function', () => () => 1],
  ['Map', () => new Map([['a', 1]])],
  ['bare object', () => Object.create(null)],
  ['tensor', foreign],
]);

/** A tensor of a graph that is finished. */
function foreign(): unknown {
  let made: unknown;
  graph('other', (g) => {
    made = g.input('x', f32, ['batch', 4, 8]);
    return {};
  });
  return made;
}

export type Path = readonly (string | number)[];
/** The place of an option that does not exist. */
const UNKNOWN = '+';

export const printPath = (path: Path): string =>
  path
    .map((key) => `.${key}`)
    .join('')
    .slice(1);

/** Fields by which what frond itself made is known: nobody writes its insides by hand. */
const OPAQUE = [
  ...['parameter', 'phase', 'nodes', 'ir', 'body', 'steps', 'fused', 'program', 'allocate', 'entries'],
  ...['axis', 'order', 'access', 'region', 'pack', 'build', 'rule', 'at'],
];

const OPEN = Symbol('open');
/** An object whose insides are tried all the same. */
export const open = <T extends object>(value: T): T => Object.assign(value, { [OPEN]: true });

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' &&
  value !== null &&
  [Object.prototype, null].includes(Object.getPrototypeOf(value)) &&
  (OPEN in value || !OPAQUE.some((key) => key in value));

/** Every place of an argument, an option or an element that a wrong value can stand in. */
function pathsOf(value: unknown, path: Path = []): Path[] {
  if (path.length > 3) return [];
  const inner = (key: string | number, each: unknown): Path[] => [
    [...path, key],
    ...pathsOf(each, [...path, key]),
  ];
  if (Array.isArray(value))
    return value.slice(0, path.length === 0 ? 9 : 2).flatMap((each, i) => inner(i, each));
  if (!isPlain(value)) return [];
  return [...Object.entries(value).flatMap(([key, each]) => inner(key, each)), [...path, UNKNOWN]];
}

function replaced(value: unknown, [key, ...rest]: Path, wrong: () => unknown): unknown {
  if (key === undefined) return wrong();
  if (key === UNKNOWN) return { ...(value as object), unheardOf: wrong() };
  if (Array.isArray(value)) return value.map((each, i) => (i === key ? replaced(each, rest, wrong) : each));
  const plain = value as Record<string | number, unknown>;
  return { ...plain, [key]: replaced(plain[key], rest, wrong) };
}

/** Ends also what never would: Node's own watch over scripts reaches into the functions that they call. */
function withinPatience(run: () => unknown): unknown {
  Object.assign(globalThis, { fuzzed: run });
  return runInThisContext('fuzzed()', { timeout: PATIENCE * 1000 });
}

const expiring = async (promise: PromiseLike<unknown>): Promise<unknown> => {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('never ends')), PATIENCE * 1000);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
};

const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value;

/** The places of a row's right call. Throws what a right call throws. */
export async function placesOf(row: Row): Promise<readonly Path[]> {
  let places: readonly Path[] | undefined;
  const note: Call = (fn, ...args) => {
    places = pathsOf(args);
    return fn(...(args as never[]));
  };
  await row(note);
  if (places === undefined) throw new Error('the row calls nothing');
  return places;
}

export type Outcome = 'accepted' | 'refused' | { readonly raw: string };

/** What a row's call says of a wrong value at `path`. */
export async function tryWrong(row: Row, path: Path, wrong: () => unknown): Promise<Outcome> {
  let outcome: Outcome = 'accepted';
  const judge = (error: unknown): undefined => {
    outcome =
      error instanceof FrondError && !error.code.startsWith('FROND-X')
        ? 'refused'
        : {
            raw:
              error instanceof Error
                ? (error.stack ?? error.message).split('\n').slice(0, 6).join('\n')
                : String(error),
          };
  };
  await row((fn, ...args) => {
    const changed = replaced(args, path, wrong) as never[];
    try {
      const result = withinPatience(() => fn(...changed));
      return isPromise(result) ? expiring(result).catch(judge) : result;
    } catch (error) {
      return judge(error);
    }
  });
  return outcome;
}
