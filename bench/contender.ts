import { createInterface } from 'node:readline';

/**
 * The side of a process that is measured. Each contender is a process of its own, so that one engine's garbage, memories
 * and code have no part in another's figures; `race.ts` lets them run by turns.
 *
 * A line of standard input is a request, a line of standard output that begins with `@` its answer, as JSON:
 *
 *     {"prepare":"matmul","options":{"m":64,"n":64,"k":64}}  @{"note":"…"} or @{"failed":"why"}
 *     {"burst":200}                                          @{"wall":0.011,"processor":0.011,"calls":18000}
 */

/** Something to repeat; a promise is awaited. */
export interface Work {
  readonly run: () => unknown;
  /** how often `run` does the thing that is measured, default 1 */
  readonly times?: number;
  /** what to know about it, such as the number of threads that it really has */
  readonly note?: string;
  readonly close?: () => unknown;
}

/** Makes what is asked for ready, by what is measured. */
export type Contender = Readonly<Record<string, (options: never) => Work | Promise<Work>>>;

/** Milliseconds of the quickest call, and the least of the processor's that a call took. */
export interface Burst {
  readonly wall: number;
  readonly processor: number;
  readonly calls: number;
}

/** Shorter rounds would measure the clock. */
const LEAST_ROUND = 2;

async function round(run: () => unknown, repeats: number): Promise<{ wall: number; processor: number }> {
  const before = process.cpuUsage();
  const start = performance.now();
  for (let i = 0; i < repeats; i++) {
    const result = run();
    if (result instanceof Promise) await result;
  }
  const wall = performance.now() - start;
  const { user, system } = process.cpuUsage(before);
  return { wall: wall / repeats, processor: (user + system) / 1000 / repeats };
}

/** Calls for `milliseconds`, at least once. */
async function burst({ run, times = 1 }: Work, milliseconds: number, known: number): Promise<Burst> {
  const repeats = Math.max(1, Math.ceil(LEAST_ROUND / Math.max(known * times, 1e-4)));
  const end = performance.now() + milliseconds;
  let [wall, processor, calls] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0];
  do {
    const one = await round(run, repeats);
    wall = Math.min(wall, one.wall / times);
    processor = Math.min(processor, one.processor / times);
    calls += repeats * times;
  } while (performance.now() < end);
  return { wall, processor, calls };
}

/** Until the engine has compiled what is hot: some time, and some calls, unless they are long. */
async function warmUp(work: Work): Promise<number> {
  const start = performance.now();
  let shortest = Number.POSITIVE_INFINITY;
  for (let calls = 1; ; calls++) {
    shortest = Math.min(shortest, (await round(work.run, 1)).wall);
    const passed = performance.now() - start;
    if (passed > 2000 || (passed > 300 && calls >= 5)) return shortest / (work.times ?? 1);
  }
}

type Request = { prepare: string; options: never } | { burst: number };

/** Answers requests until standard input ends. */
export async function serve(contender: Contender): Promise<void> {
  let work: Work | undefined;
  let known = 0;
  const answer = async (request: Request): Promise<object> => {
    if ('burst' in request) {
      if (work === undefined) throw new Error('nothing is prepared');
      return burst(work, request.burst, known);
    }
    await work?.close?.();
    work = undefined;
    const make = contender[request.prepare];
    if (make === undefined) throw new Error(`has no ${request.prepare}`);
    const made = await make(request.options);
    known = await warmUp(made);
    work = made;
    return { note: made.note };
  };
  for await (const line of createInterface({ input: process.stdin })) {
    const reply = await answer(JSON.parse(line)).catch((cause: unknown) => ({
      failed: cause instanceof Error ? cause.message : String(cause),
    }));
    process.stdout.write(`@${JSON.stringify(reply)}\n`);
  }
  process.exit(0);
}
