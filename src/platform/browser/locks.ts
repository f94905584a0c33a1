/** The part of the Web Locks API that is used here; written out so that the library needs no DOM types. */
interface LockManager {
  request(
    name: string,
    options: { readonly ifAvailable: true },
    work: (lock: object | null) => Promise<void>,
  ): Promise<void>;
}

/**
 * Takes a name among all tabs and workers of this origin, until it is released or the tab is gone.
 * @returns the release; undefined while another one has the name. Where the page may not lock (no https), it is not asked for
 */
export async function claim(name: string): Promise<(() => void) | undefined> {
  const { navigator } = globalThis as unknown as { readonly navigator?: { readonly locks?: LockManager } };
  const locks = navigator?.locks;
  if (locks === undefined) return () => undefined;
  return new Promise((resolve, reject) => {
    // the lock is held until what this gives settles
    const hold = (lock: object | null): Promise<void> =>
      new Promise((release) => {
        resolve(lock === null ? undefined : release);
        if (lock === null) release();
      });
    locks.request(name, { ifAvailable: true }, hold).catch(reject);
  });
}
