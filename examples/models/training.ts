// What the models beside this file share: a training loop without a trainer.
import * as frond from 'frond';

/** Trains on `batch(0)`, `batch(1)`, …; gives the losses, and the run, whose weights other graphs can use. */
export async function learn<
  I extends frond.Declarations,
  O extends frond.Outputs & { readonly loss: frond.Tensor },
>(
  model: frond.TypedGraph<I, O>,
  options: { readonly device: frond.Device; readonly optimizer: frond.Optimizer; readonly steps: number },
  batch: (step: number) => frond.FeedsOf<I>,
) {
  const { device, optimizer, steps } = options;
  const run = await frond.compile(frond.trainStep(model, { optimizer, clipNorm: 1 }), { device });
  await run.initialize(1);
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) losses.push((await run.step(batch(step))).loss);
  return { run, losses };
}

/** A tensor to be fed, of rows of numbers. */
export const rows = <D extends 'f32' | 'i32'>(dtype: D, data: readonly (readonly number[])[]) => ({
  dtype,
  shape: [data.length, data[0]?.length ?? 0],
  data: data.flat(),
});
