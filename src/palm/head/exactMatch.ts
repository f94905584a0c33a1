import * as is from '../../base/kinds.ts';
import type { Predictions } from '../evaluate.ts';
import { jointScores } from '../metrics.ts';
import type { JointExample } from '../reader/jointFiles.ts';
import { checkSettings } from '../settings.ts';
import type { Classified } from './classify.ts';
import type { Tagged } from './sequenceLabel.ts';

const jointTasks = { intent: is.name, slots: is.name };
/** Names of the two tasks whose predictions are looked at together. */
export type JointTasks = is.OptionsOf<typeof jointTasks>;

/** A metric of two tasks at once: the share of sentences whose intent and every tag are right. */
export function exactMatch(tasks: JointTasks) {
  checkSettings('exactMatch', tasks, jointTasks);
  return (predictions: Predictions, examples: readonly JointExample[]): { readonly exactMatch: number } => {
    const intents = (predictions[tasks.intent] ?? []) as readonly Classified[];
    const slots = (predictions[tasks.slots] ?? []) as readonly Tagged[];
    const predicted = examples.map((_, i) => ({
      intent: intents[i]?.label ?? '',
      tags: slots[i]?.tags ?? [],
    }));
    return { exactMatch: jointScores(examples, predicted).exactMatch };
  };
}
