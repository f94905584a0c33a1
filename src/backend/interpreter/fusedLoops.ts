/** Which values, reductions and stores of a region are computed together, in one loop over their elements. */
import { areSame } from '../../base/own.ts';
import { operandsOf } from '../../kernel/flow.ts';
import type { Axis, Buffer, Store, Term, Value, ValueOf } from '../../kernel/ir.ts';

/** What a loop computes: values element by element, reductions of them, and stores. */
export type Member = Value | Store;

export interface FusedLoop {
  readonly axes: readonly Axis[];
  readonly members: Set<Member>;
}

/** Loads that any loop reads straight from memory: no index tile finds them, and nothing in the launch writes them. */
export const isDirect = (value: Value): value is ValueOf<'load'> =>
  value.op === 'load' &&
  value.axes.length > 0 &&
  value.buffer.access === 'read' &&
  value.terms.every(({ index }) => index.kind === 'span' || index.axes.length === 0);

const virtual: ReadonlySet<Value['op']> = new Set(['fill', 'constant', 'arange', 'inside']);
/** Tiles that every loop which reads them finds out anew, so that no memory holds them. */
export const isVirtual = (value: Value): boolean => virtual.has(value.op) || isDirect(value);

const axesOf = (member: Member): readonly Axis[] =>
  (member.kind === 'store' ? member.value : member.op === 'reduce' ? member.arg : member).axes;

/** The memory that a member reads or writes and that the program also writes. */
const writtenBuffer = (member: Member): Buffer | undefined =>
  member.kind === 'store' || (member.op === 'load' && member.buffer.access !== 'read')
    ? member.buffer
    : undefined;

/** Equal lists: equal addresses. */
const partsOf = (terms: readonly Term[]): (Axis | Value)[] =>
  terms.flatMap(({ index, stride }) =>
    index.kind === 'span' ? [index.axis, index.start, index.limit, stride] : [index, stride],
  );

/** Whether `next` must see memory, or be seen in it, after all of `loop` has run. */
function mustFollow(next: Member, loop: FusedLoop): boolean {
  const buffer = writtenBuffer(next);
  if (!buffer) return false;
  return [...loop.members].some((member) => {
    if (writtenBuffer(member) !== buffer) return false;
    if (next.kind !== 'store') return member.kind === 'store';
    // a store replaces, element by element, what its own loop has loaded from the same place
    const isReplaced =
      member.kind === 'value' && member.op === 'load' && areSame(partsOf(member.terms), partsOf(next.terms));
    return !isReplaced || !areSame(axesOf(next), loop.axes);
  });
}

/**
 * The loops of a region that wait, one per list of axes, until something needs what they compute: as they read nothing that is
 * overwritten in the meantime, they may run later than their members stand.
 */
export class OpenLoops {
  readonly #emit: (loop: FusedLoop) => void;
  readonly #open = new Set<FusedLoop>();

  constructor(emit: (loop: FusedLoop) => void) {
    this.#emit = emit;
  }

  /** Takes a member into the loop over its axes, a new one where it needs the end of the one that waits. */
  take(member: Member): void {
    const axes = axesOf(member);
    const operands = operandsOf(member);
    const known = [...this.#open].find((loop) => areSame(loop.axes, axes));
    const isReduced = operands.some((operand) => operand.op === 'reduce' && known?.members.has(operand));
    this.order(member);
    this.need(operands, isReduced ? undefined : known);
    const loop = known && this.#open.has(known) ? known : { axes, members: new Set<Member>() };
    this.#open.add(loop);
    loop.members.add(member);
  }

  /** Runs the loops that an access to memory has to follow. */
  order(member: Member): void {
    this.#run((loop) => mustFollow(member, loop));
  }

  /** Runs the loops that compute any of `values`, except `own`. */
  need(values: readonly Value[], own?: FusedLoop): void {
    this.#run((loop) => loop !== own && values.some((value) => loop.members.has(value)));
  }

  flush(): void {
    this.#run(() => true);
  }

  #run(isDue: (loop: FusedLoop) => boolean): void {
    for (const loop of this.#open) {
      if (isDue(loop) && this.#open.delete(loop)) this.#emit(loop);
    }
  }
}
