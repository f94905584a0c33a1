import type { PlacedStatement } from '../../kernel/flow.ts';
import type { Axis, Region, Span, Store } from '../../kernel/ir.ts';

/**
 * Stores of the same elements that follow each other. They are written in one nest, in place of the last of them, so that what
 * several results have in common is computed once per element and needs no memory.
 */
export function storeGroups(steps: readonly PlacedStatement[]): ReadonlyMap<Store, readonly Store[]> {
  const groups = new Map<Store, Store[]>();
  let [open, within]: [Store[], Region | undefined] = [[], undefined];
  for (const { statement, region } of steps) {
    if (statement.kind === 'let') {
      const { value } = statement;
      // what the program itself writes has to be read where it stands
      if (value.op === 'load' && value.buffer.access !== 'read') open = [];
    } else if (statement.kind !== 'store' || statement.value.axes.length === 0) {
      open = [];
    } else {
      const [first] = open;
      const apart = open.every(({ buffer }) => buffer !== statement.buffer);
      if (!first || within !== region || !apart || !coversTheSame(first, statement)) open = [];
      open.push(statement);
      within = region;
      groups.set(statement, open);
    }
  }
  return groups;
}

const spanOver = ({ terms }: Store, axis: Axis): Span | undefined => {
  for (const { index } of terms) if (index.kind === 'span' && index.axis === axis) return index;
  return undefined;
};

function coversTheSame(first: Store, second: Store): boolean {
  const [axes, others] = [first.value.axes, second.value.axes];
  return (
    axes.length === others.length &&
    axes.every((axis, i) => {
      const [one, other] = [spanOver(first, axis), spanOver(second, axis)];
      return axis === others[i] && one?.start === other?.start && one?.limit === other?.limit;
    })
  );
}
