import { FrondError } from '../base/errors.ts';
import type { Node } from '../ir/graph.ts';
import { nodePath } from '../ir/names.ts';
import type { LoweredProgram } from './lower.ts';
import { gradientsOf } from './nodes.ts';
import { BLOCK, type ParameterEntry } from './parameters.ts';

/** The attribute of update nodes that each table is made from, and what parameters get that it does not list. */
const TABLES = [
  { name: 'rate', attribute: 'rates', otherwise: 1 },
  { name: 'decay', attribute: 'decays', otherwise: 0 },
] as const;

/** What an update says about its parameters; one graph has one table, so all of its updates must say the same. */
const groupsOf = ({ attributes: { parameters, rates, decays } }: Node): string =>
  JSON.stringify([parameters, rates ?? null, decays ?? null]);

/**
 * One number per block of the arenas, from the update nodes' attributes `parameters`, `rates` (default 1) and `decays`
 * (default 0). Blocks of parameters that no update names have rate 0: the optimizer leaves them alone.
 *
 * @returns tables by name
 * @throws FROND-R015 when updates of one graph differ in their parameters, rates or decays
 */
export function groupTables(
  { graph, steps }: LoweredProgram,
  entry: (parameter: string) => ParameterEntry,
  elements: number,
): ReadonlyMap<string, Float32Array> {
  const updates = steps.map(({ node }) => node).filter((node) => gradientsOf(node).length > 0);
  const [first] = updates;
  const other = updates.find((node) => first !== undefined && groupsOf(node) !== groupsOf(first));
  if (first !== undefined && other !== undefined) {
    throw new FrondError(
      'FROND-R015',
      `graph ${graph.name}: ${first.id} and ${other.id} differ in the parameters, rates or decays that they name`,
      { node: nodePath(other), place: other.source, hint: 'give all updates of a graph the same lists' },
    );
  }
  const blocks = Math.max(1, elements / BLOCK);
  return new Map(
    TABLES.map(({ name, attribute, otherwise }) => {
      const values = new Float32Array(blocks);
      if (first === undefined) return [name, values];
      const given = first.attributes[attribute];
      gradientsOf(first).forEach(({ parameter }, i) => {
        const { offset, length } = entry(parameter);
        const value = Array.isArray(given) ? Number(given[i] ?? otherwise) : otherwise;
        values.fill(value, offset / BLOCK, Math.ceil((offset + length) / BLOCK));
      });
      return [name, values];
    }),
  );
}
