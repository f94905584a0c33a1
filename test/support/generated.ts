import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'vitest';

/**
 * Compares the parts of a document between `<!-- generated: NAME -->` and `<!-- end -->` with what they are generated
 * from. `FROND_UPDATE_DOCS=1 npx vitest run FILE` writes them anew.
 */
export function expectGenerated(path: URL, parts: Readonly<Record<string, string>>): void {
  const text = readFileSync(path, 'utf8');
  const seen = new Set<string>();
  const wanted = text.replaceAll(
    /(<!-- generated: (.+?) -->\n)[\s\S]*?(<!-- end -->)/g,
    (_, open: string, name: string, close: string) => {
      const content = parts[name];
      if (content === undefined) throw new Error(`${path.pathname}: nothing generates ${name}`);
      seen.add(name);
      return `${open}${content.trimEnd()}\n${close}`;
    },
  );
  expect([...seen].sort(), 'places in the document').toEqual(Object.keys(parts).sort());
  if (process.env.FROND_UPDATE_DOCS) writeFileSync(path, wanted);
  else expect(text).toBe(wanted);
}

/** A fenced block of code. */
export const fenced = (language: string, text: string): string =>
  `\`\`\`${language}\n${text.trimEnd()}\n\`\`\``;
