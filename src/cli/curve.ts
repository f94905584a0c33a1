import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as is from '../base/kinds.ts';
import type { palm } from '../index.ts';
import { attempt } from '../platform/node/failure.ts';

/** What a report reads of a step. */
const stepKind = is.withFields('a step', {
  step: is.natural,
  losses: is.objectOf(is.finite, 'numbers by task'),
  rate: is.finite,
  gradientNorm: is.finite,
});
export type CurveStep = is.TypeOf<typeof stepKind>;

const cosineKind = is.withFields('a cosine', {
  tasks: is.names,
  // that of a gradient that is all zero is NaN, which JSON writes as null
  cosine: is.typed<number | null>(is.unchecked),
});
const gradientsKind = is.withFields('gradients of tasks', {
  step: is.natural,
  norms: is.objectOf(is.finite, 'numbers by task'),
  cosines: is.listOf(cosineKind, 'cosines'),
});
export type CurveGradients = is.TypeOf<typeof gradientsKind>;

const keptKind = is.withFields('a curve', {
  seconds: is.optional(is.finite),
  steps: is.listOf(stepKind, 'steps'),
  // curves of earlier versions have none
  gradients: is.optional(is.listOf(gradientsKind, 'gradients')),
});

/**
 * The events of a run that charts are drawn of, and the time it took, those of the sessions before it was resumed among them. They are kept in
 * `curve.json` beside the checkpoints, as often as those: losing the file costs a part of a chart, never a run.
 */
export class Curve {
  readonly #path: string;
  /** when the run would have begun if it had never been stopped */
  #began = performance.now();
  readonly steps: CurveStep[] = [];
  readonly gradients: CurveGradients[] = [];
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

  /** Takes over what was kept of the steps up to `last`, if it is whole; else the charts begin here. */
  #goOn(last: number): void {
    const read = (): unknown => statSync(this.#path).isFile() && JSON.parse(readFileSync(this.#path, 'utf8'));
    const kept = attempt(read, undefined);
    if (!keptKind.holds(kept)) return;
    const { seconds = 0, steps, gradients = [] } = kept;
    // a long run has more of them than a call may have arguments
    for (const event of steps) if (event.step <= last) this.steps.push(event);
    for (const event of gradients) if (event.step <= last) this.gradients.push(event);
    this.#began -= 1000 * seconds;
  }

  #save(): void {
    const temporary = `${this.#path}.tmp`;
    const { seconds, steps, gradients } = this;
    const kept = { seconds, steps, ...(gradients.length > 0 && { gradients }) };
    const write = (): void => {
      writeFileSync(temporary, `${JSON.stringify(kept)}\n`);
      renameSync(temporary, this.#path);
    };
    attempt(write, undefined);
    rmSync(temporary, { force: true });
  }
}
