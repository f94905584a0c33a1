import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as is from '../base/kinds.ts';
import type { palm } from '../index.ts';

export type StepEvent = Extract<palm.TrainingEvent, { type: 'step' }>;

interface Kept {
  /** of all sessions so far */
  readonly seconds: number;
  readonly steps: readonly StepEvent[];
}

/** What a report reads of a step. */
const stepKind = is.typed<StepEvent>(
  is.withFields('a step', {
    step: is.natural,
    losses: is.objectOf(is.finite, 'numbers by task'),
    rate: is.finite,
    gradientNorm: is.finite,
  }),
);

const NOTHING: Kept = { seconds: 0, steps: [] };

/**
 * The step events of a run and the time it took, those of the sessions before it was resumed among them. They are kept in
 * `curve.json` beside the checkpoints, as often as those: losing the file costs a part of a chart, never a run.
 */
export class Curve {
  readonly #folder: string;
  #earlier: Kept = NOTHING;
  #steps: StepEvent[] = [];
  readonly #began = performance.now();
  /** how this session began; undefined before that */
  start: Extract<palm.TrainingEvent, { type: 'start' }> | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  get steps(): readonly StepEvent[] {
    return [...this.#earlier.steps, ...this.#steps];
  }

  /** Wall time of all sessions, from loading the data to now. */
  get seconds(): number {
    return this.#earlier.seconds + (performance.now() - this.#began) / 1000;
  }

  add(event: palm.TrainingEvent): void {
    if (event.type === 'start') this.start = event;
    if (event.type === 'start' && event.from > 0) {
      const { seconds, steps } = this.#read();
      this.#earlier = { seconds, steps: steps.filter(({ step }) => step <= event.from) };
    }
    if (event.type === 'step') this.#steps.push(event);
    if (event.type === 'checkpoint' || event.type === 'end') this.#save();
  }

  #read(): Kept {
    try {
      if (!statSync(this.#path).isFile()) return NOTHING;
      const kept = JSON.parse(readFileSync(this.#path, 'utf8')) as Partial<Kept>;
      const whole = Array.isArray(kept.steps) && kept.steps.every(stepKind.holds);
      return whole ? { seconds: Number(kept.seconds) || 0, steps: kept.steps ?? [] } : NOTHING;
    } catch {
      return NOTHING;
    }
  }

  get #path(): string {
    return join(this.#folder, 'curve.json');
  }

  #save(): void {
    const temporary = `${this.#path}.tmp`;
    try {
      const kept: Kept = { seconds: this.seconds, steps: this.steps };
      writeFileSync(temporary, `${JSON.stringify(kept)}\n`);
      renameSync(temporary, this.#path);
    } catch {
      rmSync(temporary, { force: true });
    }
  }
}
