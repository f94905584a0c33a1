import type { Axis, Store, Value } from '../../kernel/ir.ts';
import { operandsOf, termOperands } from './analysis.ts';
import { type ElementValue, isElementValue } from './generated/expressions.ts';
import { canGenerate, Group } from './generated/group.ts';
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

  /** Whether `value` can wait in a group. */
  accepts(value: Value): value is ElementValue {
    return isElementValue(value) && canGenerate();
  }

  add(value: ElementValue): void {
    const own = this.#groups.find(({ axes }) => sameAxes(axes, value.axes));
    this.need(operandsOf(value), own);
    const group = own ?? new Group(value.axes);
    if (!own) this.#groups.push(group);
    group.members.add(value);
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
