import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Burst } from './contender.ts';

/** A process to measure: a module of this folder, or a Python script. */
export interface Entrant {
  readonly name: string;
  readonly file: string;
  readonly what: string;
  readonly options: object;
}

/** Milliseconds, the best of all bursts, or why there are none. */
export type Figure =
  | { readonly wall: number; readonly processor: number; readonly note?: string | undefined }
  | { readonly failed: string };

export const measured = (figure: Figure | undefined): figure is Exclude<Figure, { failed: string }> =>
  figure !== undefined && 'wall' in figure;

export interface RaceOptions {
  /** turns of everybody */
  readonly rounds: number;
  /** of a turn */
  readonly milliseconds: number;
}

/** The Python that has PyTorch: Debian's unless FROND_PYTHON names another. */
const python = process.env.FROND_PYTHON ?? '/usr/bin/python3';
/** Nobody answers later than this, in milliseconds. */
const PATIENCE = 180_000;

const command = (path: string): readonly [string, readonly string[]] =>
  path.endsWith('.py')
    ? [python, [path]]
    : [process.execPath, ['--import', new URL('load.mjs', import.meta.url).href, path]];

/** Contenders that were started: stopped ones would outlive a race that is broken off. */
const started = new Set<ChildProcess>();
function remember(child: ChildProcess): void {
  if (started.size === 0 && process.listenerCount('exit', endAll) === 0) {
    process.once('exit', endAll);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  }
  started.add(child);
}
function endAll(): void {
  for (const child of started) child.kill('SIGKILL');
}

/** A running contender. It is stopped while others are measured, so that nothing of it takes their processor. */
class Running {
  readonly #process: ChildProcess;
  readonly #lines: Interface;
  #answered: ((line: string) => void) | undefined;
  #errors = '';

  constructor(file: string) {
    const [program, args] = command(fileURLToPath(new URL(file, import.meta.url)));
    this.#process = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    remember(this.#process);
    const { stdout, stderr } = this.#process;
    if (stdout === null || stderr === null) throw new Error(`${file}: no pipes`);
    this.#lines = createInterface({ input: stdout });
    this.#lines.on('line', (line) => {
      if (line.startsWith('@')) this.#answered?.(line.slice(1));
    });
    stderr.on('data', (text) => {
      this.#errors = (this.#errors + String(text)).slice(-2000);
    });
    const gone = (why: string) => () => this.#answered?.(JSON.stringify({ failed: `${why} ${this.#why()}` }));
    this.#process.on('error', gone(`${program} did not start`));
    this.#process.on('exit', gone(`${file} ended:`));
    this.#process.stdin?.on('error', () => undefined);
  }

  #why(): string {
    const line = this.#errors.split('\n').findLast((text) => /error/i.test(text));
    return line?.trim() ?? '';
  }

  async ask<T>(request: object): Promise<T | { failed: string }> {
    if (this.#process.exitCode !== null) return { failed: `has ended: ${this.#why()}` };
    this.#process.kill('SIGCONT');
    const line = await new Promise<string>((resolve) => {
      const late = setTimeout(() => {
        this.#process.kill('SIGKILL');
        resolve(JSON.stringify({ failed: `no answer in ${PATIENCE / 1000} s` }));
      }, PATIENCE);
      this.#answered = (answer) => {
        clearTimeout(late);
        resolve(answer);
      };
      this.#process.stdin?.write(`${JSON.stringify(request)}\n`);
    });
    this.#process.kill('SIGSTOP');
    return JSON.parse(line);
  }

  end(): void {
    this.#process.kill('SIGKILL');
    started.delete(this.#process);
    this.#lines.close();
  }
}

/** Contenders of a suite. Each is started when it is first asked, and serves all of its cases. */
export class Races {
  readonly #running = new Map<string, Running>();
  readonly #options: RaceOptions;

  constructor(options: RaceOptions) {
    this.#options = options;
  }

  /** Lets all prepare, then measures them by turns: what drifts on the machine meets everybody alike. */
  async race(entrants: readonly Entrant[], options: Partial<RaceOptions> = {}): Promise<Map<string, Figure>> {
    const { rounds, milliseconds } = { ...this.#options, ...options };
    const figures = new Map<string, Figure>();
    for (const { name, file, what, options } of entrants) {
      const running = this.#running.get(name) ?? new Running(file);
      this.#running.set(name, running);
      const ready = await running.ask<{ note?: string }>({ prepare: what, options });
      const start = { wall: Number.POSITIVE_INFINITY, processor: Number.POSITIVE_INFINITY };
      figures.set(name, 'failed' in ready ? ready : { ...start, note: ready.note });
    }
    for (let round = 0; round < rounds; round++) {
      for (const { name } of entrants) {
        const known = figures.get(name);
        // what takes seconds is not repeated more than once
        if (!measured(known) || (round > 1 && known.wall > 1500)) continue;
        const answer = await this.#running.get(name)?.ask<Burst>({ burst: milliseconds });
        if (answer === undefined || 'failed' in answer) {
          figures.set(name, answer ?? { failed: 'is gone' });
          continue;
        }
        figures.set(name, {
          ...known,
          wall: Math.min(known.wall, answer.wall),
          processor: Math.min(known.processor, answer.processor),
        });
      }
    }
    return figures;
  }

  end(): void {
    for (const running of this.#running.values()) running.end();
    this.#running.clear();
  }
}
