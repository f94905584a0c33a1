import { platform } from '#platform';

/** Long enough to cost nothing, short enough that Ctrl-C and a page feel immediate. */
const PAUSE_EVERY = 30;

/**
 * Gives a function to await between steps: every few of them it waits for one turn of the event loop, so that signals, timers
 * and clicks get through while a device computes in this thread. Promises alone never let them in.
 */
export function breather(): () => Promise<void> {
  let last = platform.now();
  return async () => {
    if (platform.now() - last < PAUSE_EVERY) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    last = platform.now();
  };
}
