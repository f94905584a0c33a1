import { planCrf, planCrfGradient } from '../kernels/crf.ts';
import type { CrfScores } from '../kernels/crfArguments.ts';
import { planCrfDecode } from '../kernels/crfDecode.ts';
import { normal } from '../src/base/random.ts';
import { input, interpreterOf, output, runPlans } from '../test/support/launch.ts';
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

/** log Z of every sequence by a loop over time and labels as one would write it: log-sum-exp per label. */
function plainLoop(): () => number {
  const emissions = draw(batch * time * labels, 'emissions');
  const transitions = draw(labels * labels, 'transitions');
  const sequence = (b: number): Float64Array => {
    let levels = Float64Array.from(emissions.subarray(b * time * labels, (b * time + 1) * labels));
    for (let t = 1; t < time; t++) {
      const next = new Float64Array(labels);
      for (let z = 0; z < labels; z++) {
        let top = Number.NEGATIVE_INFINITY;
        for (let y = 0; y < labels; y++) {
          top = Math.max(top, (levels[y] as number) + (transitions[y * labels + z] as number));
        }
        let sum = 0;
        for (let y = 0; y < labels; y++) {
          sum += Math.exp((levels[y] as number) + (transitions[y * labels + z] as number) - top);
        }
        next[z] = Math.log(sum) + top + (emissions[(b * time + t) * labels + z] as number);
      }
      levels = next;
    }
    return levels;
  };
  return () => {
    let total = 0;
    for (let b = 0; b < batch; b++) total += sequence(b).reduce((x, y) => x + y);
    return total;
  };
}

export async function run(): Promise<Row[]> {
  const { loss, gradient, decode } = passes();
  const row = { case: `${batch}x${time}x${labels}`, unit: 'ms', device: 'interpreter', threads: 1 };
  const forward = await best(5, loss);
  const plain = await best(3, plainLoop(), 1);
  return [
    { ...row, what: 'loss', value: forward, peer: 'plain JavaScript loop', ratio: forward / plain },
    { ...row, what: 'gradient', value: await best(5, gradient) },
    { ...row, what: 'decode', value: await best(5, decode) },
    { ...row, what: 'log Z, plain JavaScript loop', device: 'javascript', value: plain },
  ];
}
