import type { Axis, Store, Value } from '../../kernel/ir.ts';
import { operandsOf, termOperands } from './analysis.ts';
import { type ElementValue, isElementValue, type ReduceValue } from './generated/expressions.ts';
import { Group } from './generated/group.ts';
import { storeStep } from './memorySteps.ts';
import type { Preparation, Step } from './preparation.ts';

const sameAxes = (a: readonly Axis[], b: readonly Axis[]): boolean =>
  a.length === b.length && a.every((axis, i) => axis === b[i]);

/**
 * Steps in the making. Element-wise values wait in groups, one per list of axes, until a step needs one of them: they
 * read nothing that other steps of the same pass overwrite, so they may be computed later than they stand. Stores wait
 * too, in their order, until something may read what they write: then a group has not to end for each of them.
 */
export class Sequence {
  readonly steps: Step[] = [];
  readonly #at: Preparation;
  #groups: Group[] = [];
  #stores: Store[] = [];

  constructor(at: Preparation) {
    this.#at = at;
  }

  /** Takes `value` into a group if it can wait in one. */
  take(value: Value): boolean {
    if (isElementValue(value)) {
      this.#groupFor(value).add(value);
      return true;
    }
    const group = value.op === 'reduce' ? this.#groups.find((other) => other.has(value.arg)) : undefined;
    if (value.op !== 'reduce' || !group || !this.#fits(value)) return false;
    group.add(value);
    return true;
  }

  /** The group that waits for `value`; other groups that it needs are computed, and its own where it reduces an operand. */
  #groupFor(value: ElementValue): Group {
    const operands = operandsOf(value);
    const known = this.#groups.find(({ axes }) => sameAxes(axes, value.axes));
    const closes = known && operands.some((operand) => operand.op === 'reduce' && known.has(operand));
    this.need(operands, closes ? undefined : known);
    if (known && !closes) return known;
    const group = new Group(value.axes);
    this.#groups.push(group);
    return group;
  }

  /** Whether a reduction can be taken along: the group's loops end early along its columns at most. */
  #fits({ arg, over, combine, dtype }: ReduceValue): boolean {
    const rows = arg.axes.length === 2 ? arg.axes[0] : undefined;
    const isCut = rows && over.includes(rows) && this.#at.rules.some(({ axis }) => axis === rows);
    const columns = arg.axes[arg.axes.length - 1];
    const areAll = over.length === 2 && this.#at.rules.some(({ axis }) => axis === columns);
    return combine !== 'argmax' && dtype !== 'bool' && !isCut && !areAll;
  }

  /** Computes what `values` wait for, except in the group `own`. */
  need(values: readonly Value[], own?: Group): void {
    for (const group of [...this.#groups]) {
      if (group !== own && values.some((value) => group.has(value))) this.#emit(group);
    }
  }

  store(store: Store): void {
    this.#stores.push(store);
  }

  /** Carries out the stores that wait. */
  flushStores(): void {
    const stores = this.#stores;
    this.#stores = [];
    this.need(stores.flatMap(({ value, terms }) => [value, ...termOperands(terms)]));
    this.steps.push(...stores.map((store) => storeStep(this.#at, store)));
  }

  /** Does all that waits. */
  flush(): void {
    this.flushStores();
    for (const group of [...this.#groups]) this.#emit(group);
  }

  #emit(group: Group): void {
    this.#groups = this.#groups.filter((other) => other !== group);
    this.steps.push(group.step(this.#at));
  }
}
