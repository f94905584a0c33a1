import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as is from '../base/kinds.ts';
import type { palm } from '../index.ts';

export type StepEvent = Extract<palm.TrainingEvent, { type: 'step' }>;

export type GradientEvent = Extract<palm.TrainingEvent, { type: 'gradients' }>;

const gradientsKind = is.typed<GradientEvent>(
  is.withFields('gradients of tasks', {
    step: is.natural,
    norms: is.objectOf(is.finite, 'numbers by task'),
    // the cosine of a gradient that is all zero is NaN, which JSON writes as null
    cosines: is.listOf(is.withFields('a cosine', { tasks: is.names }), 'cosines'),
  }),
);

/** What a report reads of a step. */
const stepKind = is.typed<StepEvent>(
  is.withFields('a step', {
    step: is.natural,
    losses: is.objectOf(is.finite, 'numbers by task'),
    rate: is.finite,
    gradientNorm: is.finite,
  }),
);

/**
 * The events of a run that charts are drawn of, and the time it took, those of the sessions before it was resumed among them. They are kept in
 * `curve.json` beside the checkpoints, as often as those: losing the file costs a part of a chart, never a run.
 */
export class Curve {
  readonly #path: string;
  /** when the run would have begun if it had never been stopped */
  #began = performance.now();
  readonly steps: StepEvent[] = [];
  readonly gradients: GradientEvent[] = [];
  /** how this session began; undefined before that */
  start: Extract<palm.TrainingEvent, { type: 'start' }> | undefined;

  constructor(folder: string) {
    this.#path = join(folder, 'curve.json');
  }

  /** Wall time of all sessions, from loading the data to now. */
  get seconds(): number {
    return (performance.now() - this.#began) / 1000;
  }

  add(event: palm.TrainingEvent): void {
    if (event.type === 'start') this.start = event;
    if (event.type === 'start' && event.from > 0) this.#goOn(event.from);
    if (event.type === 'step') this.steps.push(event);
    if (event.type === 'gradients') this.gradients.push(event);
    if (event.type === 'checkpoint' || event.type === 'end') this.#save();
  }

  /** Takes over what was kept of the steps up to `last`, if it is whole. */
  #goOn(last: number): void {
    try {
      if (!statSync(this.#path).isFile()) return;
      // curves of earlier versions have no gradients
      const {
        seconds,
        steps,
        gradients = [],
      } = JSON.parse(readFileSync(this.#path, 'utf8')) as Partial<Curve>;
      if (
        !is.listOf(stepKind, 'steps').holds(steps) ||
        !is.listOf(gradientsKind, 'gradients').holds(gradients)
      )
        return;
      this.steps.push(...steps.filter(({ step }) => step <= last));
      this.gradients.push(...gradients.filter(({ step }) => step <= last));
      this.#began -= 1000 * (Number(seconds) || 0);
    } catch {
      // without it the chart begins here
    }
  }

  #save(): void {
    const temporary = `${this.#path}.tmp`;
    try {
      const { seconds, steps, gradients } = this;
      const kept = { seconds, steps, ...(gradients.length > 0 && { gradients }) };
      writeFileSync(temporary, `${JSON.stringify(kept)}\n`);
      renameSync(temporary, this.#path);
    } catch {
      rmSync(temporary, { force: true });
    }
  }
}
