import type { StepResult } from '../../src/palm/events.ts';
import type { Learner } from '../../src/palm/learner.ts';

/** One step, to its end. @throws FROND-T010 when loss or gradient is not finite */
export async function trainStep(learner: Learner): Promise<StepResult> {
  await learner.submit();
  const { results, failure } = await learner.collect();
  const [result] = results;
  if (failure !== undefined || result === undefined) throw failure;
  return result;
}
