import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { palm } from '../index.ts';
import { writeWhole } from './write.ts';

export type StepEvent = Extract<palm.TrainingEvent, { type: 'step' }>;

/** The step events of a run, those before it was resumed among them: they are kept in `curve.json` beside the checkpoints. */
export class Curve {
  readonly #folder: string;
  #steps: StepEvent[] = [];
  /** step that this session began at */
  from = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  get steps(): readonly StepEvent[] {
    return this.#steps;
  }

  add(event: palm.TrainingEvent): void {
    if (event.type === 'start') {
      this.from = event.from;
      this.#steps = event.from === 0 ? [] : this.#earlier().filter(({ step }) => step <= event.from);
    }
    if (event.type === 'step') this.#steps.push(event);
  }

  /** A damaged file costs a part of a chart, never a run. */
  #earlier(): readonly StepEvent[] {
    const path = join(this.#folder, 'curve.json');
    if (!existsSync(path)) return [];
    try {
      const kept: unknown = JSON.parse(readFileSync(path, 'utf8'));
      return Array.isArray(kept) ? (kept as StepEvent[]) : [];
    } catch {
      return [];
    }
  }

  async save(): Promise<void> {
    if (!existsSync(this.#folder)) return;
    await writeWhole(join(this.#folder, 'curve.json'), `${JSON.stringify(this.#steps)}\n`);
  }
}
