import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

// Options are described in the comments of the tables that declare them; the published schema says the same.

const palm = fileURLToPath(new URL('../../../src/palm', import.meta.url));

/** What the comments of one table say of its options. */
type Comments = ReadonlyMap<string, string>;

/** A table with those that it spreads: of its own file, or else of another one. */
interface Table {
  readonly name: string;
  readonly file: string;
  readonly body: string;
}
const ENTRY = /^ {2}(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n {2})?(?:(\w+): |\.\.\.(\w+),)/gm;

/** The tables of options in the sources: `const widgetOptions = {` up to `};`. */
const sources = readdirSync(palm, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .sort()
  .flatMap((file): Table[] => {
    const found = readFileSync(`${palm}/${file}`, 'utf8').matchAll(
      /^(?:export )?const (\w+) = \{\n([\s\S]*?)^\};/gm,
    );
    return [...found].map(([, name = '', body = '']) => ({ name, file, body }));
  });

const commentsOf = ({ file, body }: Table): [string, string][] =>
  [...body.matchAll(ENTRY)].flatMap(([, comment, name, spread]): [string, string][] => {
    const known = sources.filter((table) => table.name === spread);
    const other = known.find((table) => table.file === file) ?? known[0];
    if (other !== undefined) return commentsOf(other);
    return name && comment ? [[name, comment.replace(/\s*\n\s*\*\s?/g, ' ').trim()]] : [];
  });
const tables = sources.map((table): Comments => new Map(commentsOf(table)));

/** How many of the names a table has. */
const common = (table: Comments, names: readonly string[]): number =>
  names.filter((name) => table.has(name)).length;

/** The schema with a description of each property that has none: of the table that has most of its neighbours. */
export function withComments(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withComments);
  if (typeof schema !== 'object' || schema === null) return schema;
  const inner = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, withComments(value)]));
  const { properties } = inner;
  if (typeof properties !== 'object' || properties === null || Array.isArray(properties)) return inner;
  const names = Object.keys(properties);
  for (const [name, property] of Object.entries<Record<string, unknown>>(properties as never)) {
    const known = tables.filter((table) => table.has(name));
    const saysDefault = (table: Comments): number => +/default/i.test(table.get(name) ?? '');
    const [nearest] = known.sort(
      (a, b) => common(b, names) - common(a, names) || saysDefault(b) - saysDefault(a) || a.size - b.size,
    );
    if (typeof property.description !== 'string' && nearest && property.const === undefined)
      property.description = nearest.get(name);
  }
  return inner;
}
