interface Entry<T> {
  readonly item: T;
  readonly key: number;
  /** decides between equal keys */
  readonly place: number;
}

const isBefore = <T>(x: Entry<T>, y: Entry<T>): boolean =>
  x.key < y.key || (x.key === y.key && x.place < y.place);

/** A binary heap (Williams 1964): the item of least key comes out first, in logarithmic time. */
export class Heap<T> {
  readonly #entries: Entry<T>[] = [];

  push(item: T, key: number, place: number): void {
    const entries = this.#entries;
    const entry = { item, key, place };
    let at = entries.length;
    for (; at > 0; ) {
      const above = (at - 1) >> 1;
      const parent = entries[above];
      if (parent === undefined || !isBefore(entry, parent)) break;
      entries[at] = parent;
      at = above;
    }
    entries[at] = entry;
  }

  pop(): T | undefined {
    const entries = this.#entries;
    const [first] = entries;
    const last = entries.pop();
    if (first === undefined || last === undefined || entries.length === 0) return first?.item;
    let at = 0;
    for (;;) {
      const [left, right] = [entries[2 * at + 1], entries[2 * at + 2]];
      const least = left !== undefined && right !== undefined && isBefore(right, left) ? right : left;
      if (least === undefined || !isBefore(least, last)) break;
      entries[at] = least;
      at = 2 * at + (least === right ? 2 : 1);
    }
    entries[at] = last;
    return first.item;
  }
}
