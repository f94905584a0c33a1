import { journalLayout } from '../../kernels/gradientNorm.ts';
import { FrondError, printPlace } from '../base/errors.ts';
import type { NonFinite } from '../runtime/diagnose.ts';
import type { ModelState } from '../runtime/state.ts';

/** FROND-T010 for step `step` (from 0), which was not made: its loss or its gradient is not finite. `culprit`: where that began. */
export function divergence(
  {
    step,
    loss,
    gradientNorm,
  }: { readonly step: number; readonly loss: number; readonly gradientNorm: number },
  culprit: NonFinite | undefined,
  clipNorm: number,
): FrondError {
  const what = `step ${step + 1}: the loss is ${loss}, the gradient norm ${gradientNorm}`;
  const where =
    culprit === undefined
      ? 'no tensor of the step is at fault by itself'
      : `the first value that is not finite is element ${culprit.element} (${culprit.value}) of ${culprit.op}, in the ${culprit.phase} part`;
  const advice =
    clipNorm > 0
      ? `lower the learning rate or clipNorm, which is ${clipNorm}`
      : 'lower the learning rate or clip the gradient with clipNorm';
  return new FrondError('FROND-T010', `${what}; ${where}`, {
    node: culprit?.node,
    place: culprit?.place,
    hint: `the weights are those of step ${step}; ${advice}${culprit?.place ? `, look at ${printPlace(culprit.place)}` : ''}`,
  });
}

/** A step that failed has stopped all updates behind it: lets them act again. Gives the norm of the gradient of the latest step. */
export async function resumeUpdates(state: ModelState): Promise<number> {
  const { stopped, next, first, rows, columns, norm } = journalLayout;
  const journal = await state.arena('journal');
  const noted = await state.device.read(journal);
  await state.device.write({ ...journal, offset: journal.offset + stopped, length: 1 }, [0]);
  const row = ((noted[next] ?? 0) - 1 + rows) % rows;
  return noted[(first + row) * columns + norm] ?? Number.NaN;
}
