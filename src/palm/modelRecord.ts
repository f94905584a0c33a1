import type { Graph } from '../ir/graph.ts';
import type { ComponentRecord } from './contract.ts';
import type { LearnerPlan } from './learner.ts';
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
}

export const modelRecord = (plan: LearnerPlan): ModelRecord => ({
  name: plan.name,
  forward: graphRecord(plan.forward),
  step: graphRecord(plan.step),
  prediction: graphRecord(plan.prediction),
  reader: plan.reader.record ?? null,
  tasks: plan.tasks.map(({ name, head }) => ({ name, head: head.record ?? null })),
});
