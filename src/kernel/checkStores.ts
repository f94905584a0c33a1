import { dependenciesOf, loopsOf, type PlacedStatement, termValues, valuesOf } from './flow.ts';
import type { Store, Value } from './ir.ts';
import type { Fault } from './rules.ts';

const isZero = (value: Value): boolean => value.op === 'constant' && value.value === 0;

/**
 * One writer per element: an address that is the same along an axis, in two programs, or in two rounds of a loop, is written twice.
 * A condition around the store counts as telling programs and rounds apart. What index tiles hold is known at run time only; the
 * simulator watches that.
 */
export function collisionFaults(
  { loops, conditions }: PlacedStatement,
  { buffer, terms, value }: Store,
  statements: readonly PlacedStatement[],
): Fault[] {
  const collision = (message: string, hint: string): Fault => ({
    code: 'FROND-K108',
    message: `store to ${buffer.name}: ${message}`,
    hint,
  });
  const moving = terms
    .filter(({ stride }) => !isZero(stride))
    .flatMap(({ index }) => (index.kind === 'span' ? [index.axis] : index.axes));
  /** what the address, or a condition around the store, depends on */
  const sources = new Set<Value>();
  for (const source of [...termValues(terms), ...conditions.map(({ condition }) => condition)]) {
    dependenciesOf(source, loopsOf(statements), sources);
  }
  const dimensionsOf = (values: Iterable<Value>): Set<number> =>
    new Set([...values].flatMap((one) => (one.op === 'program' ? [one.dimension] : [])));
  const told = dimensionsOf(sources);
  const repeating = loops.filter(({ induction, carried, yields }) =>
    [induction, ...carried, ...yields].every((counter) => !sources.has(counter)),
  );
  return [
    ...value.axes
      .filter((axis) => !moving.includes(axis))
      .map(({ name }) =>
        collision(
          `the address does not move along ${name}, elements collide`,
          `reduce over ${name} first, or give it an index with a stride`,
        ),
      ),
    ...[...dimensionsOf(valuesOf(statements))]
      .filter((dimension) => !told.has(dimension))
      .map((dimension) =>
        collision(
          `every program along grid dimension ${dimension} writes the same elements`,
          `let the address depend on program(${dimension}), or store under a condition on it`,
        ),
      ),
    ...(buffer.access === 'write' ? repeating : []).map(() =>
      collision(
        'every round of the loop writes the same elements',
        'carry the value through the loop and store it afterwards, or declare the buffer as scratch',
      ),
    ),
  ];
}
