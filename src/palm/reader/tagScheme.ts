import type { LabelScheme } from '../../nn/index.ts';
import { convertTags, writtenIn } from '../labels.ts';
import type { JointExample } from './jointFiles.ts';

/** All parts in one scheme, with notes on what was written in another and on what its own scheme forbids. */
export function inScheme(
  parts: Readonly<Record<string, readonly JointExample[]>>,
  scheme: LabelScheme,
): { readonly parts: Readonly<Record<string, readonly JointExample[]>>; readonly notes: readonly string[] } {
  const notes: string[] = [];
  const converted = Object.entries(parts).map(([part, examples]) => {
    const written = examples.map(({ tags }) => convertTags(tags, scheme));
    if (written.every((tags, i) => tags === examples[i]?.tags)) return [part, examples] as const;
    const source = writtenIn(examples.map(({ tags }) => tags));
    const odd = ({ tags }: JointExample): boolean => source !== 'IOB1' && convertTags(tags, source) !== tags;
    if (source !== scheme)
      notes.push(`the tags of ${part} are written in ${source} and were converted to ${scheme}`);
    const first = examples.find(odd);
    if (first !== undefined) {
      const line = first.line ?? examples.indexOf(first) + 1;
      notes.push(
        `${examples.filter(odd).length} of ${examples.length} sentences of ${part} have tags that ${source} forbids, the first in ${first.file ?? part}:${line}; their chunks were read as conlleval reads them`,
      );
    }
    return [part, examples.map((example, i) => ({ ...example, tags: written[i] ?? [] }))] as const;
  });
  return { parts: Object.fromEntries(converted), notes };
}
