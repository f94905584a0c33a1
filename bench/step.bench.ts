import { compile, type Feeds, interpreterDevice, ops, reportProgram } from 'frond';
import { normal } from '../src/base/random.ts';
import { ARENA_BLOCKS } from '../src/ir/record.ts';
import { HYPER } from '../src/palm/optimizer.ts';
import { BLOCK } from '../src/runtime/parameters.ts';
import { classes, nameOf, type StepCase, trainingStep } from './models.ts';
import { torchFigures } from './peers/torch.ts';
import { best, type Row } from './row.ts';

export const about = 'training step (forward, backward, AdamW) of a pre-norm encoder, f32, one thread';

const cases: readonly StepCase[] = [
  { layers: 2, width: 128, heads: 4, inner: 512, batch: 32, time: 32 },
  { layers: 1, width: 64, heads: 4, inner: 256, batch: 32, time: 12 },
];

async function measure(at: StepCase): Promise<Row[]> {
  const { layers, width, heads, inner, batch, time } = at;
  const { executable } = await compile(trainingStep(at), { device: interpreterDevice() });
  await executable.state.initialize(1);
  const x = Float32Array.from({ length: batch * time * width }, (_, i) => normal(1, 'x', i));
  const labels = Int32Array.from({ length: batch * time }, (_, i) => (i * 7) % classes);
  const feeds: Feeds = {
    x: { dtype: 'f32', shape: [batch, time, width], data: x },
    labels: { dtype: 'i32', shape: [batch, time], data: labels },
    [HYPER]: { dtype: 'f32', shape: [4], data: [1e-3, 1, 1, 0] },
  };
  const blocks = executable.state.layout.elements / BLOCK;
  const report = reportProgram(executable.program, ops, { batch, time, [ARENA_BLOCKS]: blocks });
  const milliseconds = await best(6, () => executable.run(feeds), 3);
  const torch = torchFigures('step.py', layers, width, heads, inner, batch, time, classes).step;
  const row = { case: nameOf(at), device: 'interpreter', threads: 1 };
  const peer = torch === undefined ? {} : { peer: 'PyTorch', ratio: milliseconds / torch };
  const rows: Row[] = [
    { ...row, what: 'step', value: milliseconds, unit: 'ms', ...peer },
    { ...row, what: 'launches', value: report.launches, unit: 'launches' },
    { ...row, what: 'work', value: report.flops / 1e9, unit: 'GFLOP' },
    { ...row, what: 'speed', value: report.flops / milliseconds / 1e6, unit: 'GFLOP/s' },
    { ...row, what: 'planned peak of intermediates', value: report.peakBytes / 2 ** 20, unit: 'MiB' },
  ];
  if (torch !== undefined) {
    rows.push({ ...row, device: 'PyTorch', what: 'step', value: torch, unit: 'ms' });
  }
  return rows;
}

export async function run(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const at of cases) rows.push(...(await measure(at)));
  return rows;
}
