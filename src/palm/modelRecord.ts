import type { Graph } from '../ir/graph.ts';
import type { Schedule } from '../kernel/ir.ts';
import type { ComponentRecord } from './contract.ts';
import type { Learner } from './learner.ts';
import { graphRecord } from './snapshot.ts';

/** All that predicting takes, beside the weights: plain data in every checkpoint. */
export interface ModelRecord {
  readonly name: string;
  /** training losses */
  readonly forward: Graph;
  /** forward, backward and update */
  readonly step: Graph;
  readonly prediction: Graph;
  /** null: made by a program of the user's own, which must be given again to predict */
  readonly reader: ComponentRecord | null;
  readonly tasks: readonly { readonly name: string; readonly head: ComponentRecord | null }[];
  /** kernels of the training step with the schedules that they ran with: what rounding depends on */
  readonly kernels: readonly KernelRecord[];
}

export interface KernelRecord {
  readonly name: string;
  readonly variant: string;
  readonly schedule: Schedule;
}

function kernelsOf(learner: Learner): KernelRecord[] {
  const launches = learner.executable.program.steps.flatMap((step) => step.launches);
  return [...new Set(launches.map(({ kernel }) => kernel))].map(({ name, variant, schedule }) => ({
    ...{ name, variant, schedule },
  }));
}

export const modelRecord = (learner: Learner): ModelRecord => ({
  name: learner.plan.name,
  forward: graphRecord(learner.plan.forward),
  step: graphRecord(learner.plan.step),
  prediction: graphRecord(learner.plan.prediction),
  reader: learner.plan.reader.record ?? null,
  tasks: learner.plan.tasks.map(({ name, head }) => ({ name, head: head.record ?? null })),
  kernels: kernelsOf(learner),
});
