import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

// Options are described in the comments of the tables that declare them; the published schema says the same.

const palm = fileURLToPath(new URL('../../../src/palm', import.meta.url));

/** What the comments of one table say of its options. */
type Comments = ReadonlyMap<string, string>;

/** The tables of options in a file: `const widgetOptions = {` up to `};`. */
function tablesIn(text: string): Comments[] {
  const tables = text.matchAll(/^(?:export )?const \w+ = \{\n([\s\S]*?)^\};/gm);
  return [...tables].map(([, body = '']) => {
    const entries = body.matchAll(/^ {2}\/\*\*([\s\S]*?)\*\/\n {2}(\w+): /gm);
    return new Map(
      [...entries].map(([, comment = '', name = '']) => [
        name,
        comment.replace(/\s*\n\s*\*\s?/g, ' ').trim(),
      ]),
    );
  });
}

const tables = readdirSync(palm, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.startsWith('tasks'))
  .sort()
  .flatMap((name) => tablesIn(readFileSync(`${palm}/${name}`, 'utf8')));

/** How many of the names a table has. */
const common = (table: Comments, names: readonly string[]): number =>
  names.filter((name) => table.has(name)).length;

/** The schema with a description of each property that has none: of the table that has most of its neighbours, and few others. */
export function withComments(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withComments);
  if (typeof schema !== 'object' || schema === null) return schema;
  const inner = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, withComments(value)]));
  const { properties } = inner;
  if (typeof properties !== 'object' || properties === null || Array.isArray(properties)) return inner;
  const names = Object.keys(properties);
  for (const [name, property] of Object.entries<Record<string, unknown>>(properties as never)) {
    const known = tables.filter((table) => table.has(name));
    const [nearest] = known.sort((a, b) => common(b, names) - common(a, names) || a.size - b.size);
    if (typeof property.description !== 'string' && nearest && property.const === undefined)
      property.description = nearest.get(name);
  }
  return inner;
}
