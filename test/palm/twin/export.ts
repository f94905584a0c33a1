import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { interpreterDevice, writeSafetensors } from '../../../src/index.ts';
import { Learner } from '../../../src/palm/learner.ts';
import { rateAt } from '../../../src/palm/schedule.ts';
import { tensorsFile, tensorsOn } from '../../../src/palm/weights.ts';
import type { StoredTensor } from '../../../src/store/safetensors.ts';
import { joined } from '../../store/support/bytes.ts';
import { settings, twinSetup } from './model.ts';

/** Writes what `twin.py` starts from: first weights, 100 batches, rates. */
export async function exportTwin(data: string, folder: string): Promise<void> {
  const setup = await twinSetup(data);
  const learner = await Learner.create(setup, interpreterDevice());
  const tensors = new Map<string, StoredTensor>();
  for (let step = 0; step < settings.steps; step++) {
    for (const [name, { dtype, shape, data: values }] of Object.entries(
      (await learner.feeds(step))[0] ?? {},
    )) {
      const floats = dtype === 'f32';
      const array = floats ? Float32Array.from(values, Number) : Int32Array.from(values, Number);
      tensors.set(`${step}/${name}`, {
        dtype: floats ? 'F32' : 'I32',
        shape,
        bytes: new Uint8Array(array.buffer),
      });
    }
  }
  const { layers, heads, weightDecay, clipNorm, steps } = settings;
  const rates = Array.from({ length: steps }, (_, step) =>
    rateAt(setup.programs.optimizer.rate, step, setup.plan.steps),
  );
  mkdirSync(folder, { recursive: true });
  const weights = tensorsFile({ parameter: tensorsOn(learner.state, 'parameter') });
  writeFileSync(join(folder, 'weights.safetensors'), await joined(weights));
  writeFileSync(join(folder, 'batches.safetensors'), writeSafetensors({ tensors, metadata: new Map() }));
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ layers, heads, weightDecay, clipNorm, rates }));
}
