/** What `record` itself holds under a name of the user's; names such as `constructor` never reach its prototype. */
export const own = <T>(record: { readonly [name: string]: T } | undefined, name: string): T | undefined =>
  record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;

/** Other values under the same names. */
export const mapValues = <K extends string, T, R>(
  record: Readonly<Record<K, T>>,
  change: (value: T, name: K) => R,
): Record<K, R> => {
  const entries = Object.entries(record) as [K, T][];
  return Object.fromEntries(entries.map(([name, value]) => [name, change(value, name)])) as Record<K, R>;
};

/** Whether two lists hold the same items. */
export const areSame = <T>(x: readonly T[], y: readonly T[]): boolean =>
  x.length === y.length && x.every((item, i) => item === y[i]);

/** What a map has under a key; made and kept where there is nothing yet. */
export function remembered<K, V>(
  map: { get(key: K): V | undefined; set(key: K, value: V): unknown },
  key: K,
  make: () => V,
): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

/** Values by key, both in order. */
export function grouped<K, V>(pairs: Iterable<readonly [K, V]>): Map<K, V[]> {
  const groups = new Map<K, V[]>();
  for (const [key, value] of pairs) {
    const known = groups.get(key);
    if (known === undefined) groups.set(key, [value]);
    else known.push(value);
  }
  return groups;
}

/** Puts `item` into a sorted list, before what it `precedes`. */
export function insert<T>(sorted: T[], item: T, precedes: (x: T, y: T) => boolean): void {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (precedes(item, sorted[middle] as T)) high = middle;
    else low = middle + 1;
  }
  sorted.splice(low, 0, item);
}
