import { FORBIDDEN } from '../../kernels/crfDecode.ts';
import { oneOf } from '../base/kinds.ts';

export { FORBIDDEN };

/** How entity labels are written: `O`, then `B-x`, `I-x`, and in BIOES also `E-x` (end) and `S-x` (single). */
export type LabelScheme = 'BIO' | 'BIOES';
export const schemeKind = oneOf('BIO', 'BIOES');

/** What may follow what: 0 where allowed, FORBIDDEN elsewhere. */
export interface ChainConstraints {
  /** [from · labels + to] */
  readonly transitions: readonly number[];
  readonly start: readonly number[];
  readonly stop: readonly number[];
}

interface Tag {
  readonly prefix: string;
  readonly entity: string;
}

const readTag = (label: string): Tag => {
  const dash = label.indexOf('-');
  return dash < 0
    ? { prefix: label, entity: '' }
    : { prefix: label.slice(0, dash), entity: label.slice(dash + 1) };
};

/** The entity goes on behind this tag. */
const isOpen = ({ prefix }: Tag, scheme: LabelScheme): boolean =>
  scheme === 'BIOES' && (prefix === 'B' || prefix === 'I');
/** The tag goes on with an entity that has begun. */
const continues = ({ prefix }: Tag): boolean => prefix === 'I' || prefix === 'E';

/** Both ends of a step; undefined stands for the border of the sentence. */
function isAllowed(from: Tag | undefined, to: Tag | undefined, scheme: LabelScheme): boolean {
  if (to !== undefined && continues(to)) {
    const inside = from !== undefined && (from.prefix === 'B' || from.prefix === 'I');
    return inside && from.entity === to.entity;
  }
  // in BIO an entity may end anywhere, in BIOES only at its E
  return from === undefined || !isOpen(from, scheme);
}

/** The steps that a scheme allows between `labels`, in the order of their ids. */
export function chainConstraints(labels: readonly string[], scheme: LabelScheme): ChainConstraints {
  const tags = labels.map(readTag);
  const score = (from: Tag | undefined, to: Tag | undefined): number =>
    isAllowed(from, to, scheme) ? 0 : FORBIDDEN;
  return {
    transitions: tags.flatMap((from) => tags.map((to) => score(from, to))),
    start: tags.map((to) => score(undefined, to)),
    stop: tags.map((from) => score(from, undefined)),
  };
}
