import { planCrf, planCrfGradient } from '../kernels/crf.ts';
import type { CrfScores } from '../kernels/crfArguments.ts';
import { planCrfDecode } from '../kernels/crfDecode.ts';
import { normal } from '../src/base/random.ts';
import { input, interpreterOf, output, runPlans } from '../test/support/launch.ts';
import { torchFigures } from './peers/torch.ts';
import { best, type Row } from './row.ts';

export const about = 'linear-chain CRF, 32 sequences of 32 steps, 130 labels';

const [batch, time, labels] = [32, 32, 130];
const sizes = { batch: 'batch', time: 'time', labels };
const draw = (length: number, name: string) => Float32Array.from({ length }, (_, i) => normal(1, name, i));

/** Calls that run each pass over one problem; the loss first, since the gradient reads what it saved. */
function passes(): Readonly<Record<'loss' | 'gradient' | 'decode', () => void>> {
  const run = interpreterOf('f32');
  const scores: CrfScores = {
    ...{ emissions: input(0), transitions: input(1), start: input(2), stop: input(3), lengths: input(4) },
  };
  const tensor = batch * time * labels;
  const [alpha, offset] = [new Float32Array(tensor), new Float32Array(batch * time)];
  const tags = Int32Array.from({ length: batch * time }, (_, i) => (i * 37) % labels);
  const inputs = [
    ...[draw(tensor, 'emissions'), draw(labels * labels, 'transitions')],
    ...[draw(labels, 'start'), draw(labels, 'stop')],
    ...[new Int32Array(batch).fill(time), tags, alpha, offset, new Float32Array(batch).fill(1 / batch)],
  ];
  const floats = (...lengths: number[]) => lengths.map((length) => new Float32Array(length));
  const outputs = {
    loss: [...floats(batch, batch), alpha, offset],
    gradient: floats(tensor, labels * labels, labels, labels),
    decode: [new Int32Array(batch * time), new Float32Array(batch)],
  };
  const given = { ...scores, ...sizes, tags: input(5) };
  const plans = {
    loss: planCrf({
      ...given,
      ...{ loss: output(0), logZ: output(1), alpha: output(2), offset: output(3) },
    }),
    gradient: planCrfGradient({
      ...{ ...given, alpha: input(6), offset: input(7), dloss: input(8) },
      ...{ demissions: output(0), dtransitions: output(1), dstart: output(2), dstop: output(3) },
    }),
    decode: planCrfDecode({ ...scores, ...sizes, tags: output(0), score: output(1) }),
  };
  const call = (name: keyof typeof plans) => () =>
    runPlans(plans[name], { inputs, outputs: outputs[name], sizes: { batch, time } }, 'f32', run);
  return { loss: call('loss'), gradient: call('gradient'), decode: call('decode') };
}

export async function run(): Promise<Row[]> {
  const { loss, gradient, decode } = passes();
  const torch = torchFigures('crf.py', batch, time, labels);
  const row = { case: `${batch}x${time}x${labels}`, unit: 'ms', device: 'interpreter', threads: 1 };
  const against = (value: number, theirs: number | undefined) =>
    theirs === undefined
      ? { ...row, value }
      : { ...row, value, peer: 'PyTorch, loop over time', ratio: value / theirs };
  const both = await best(5, () => {
    loss();
    gradient();
  });
  return [
    { ...against(both, torch.gradient), what: 'log-likelihood and gradient' },
    { ...row, what: 'log-likelihood alone', value: await best(5, loss) },
    { ...against(await best(5, decode), torch.decode), what: 'decode' },
    ...Object.entries(torch).map(([name, value]) => ({
      ...row,
      device: 'PyTorch',
      what: name === 'gradient' ? 'log-likelihood and gradient' : name,
      value,
    })),
  ];
}
