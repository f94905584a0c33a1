import { compile, type Device, type Feeds, interpreterDevice, ops, reportProgram, wasmDevice } from 'frond';
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

function feedsOf({ batch, time, width }: StepCase): Feeds {
  const x = Float32Array.from({ length: batch * time * width }, (_, i) => normal(1, 'x', i));
  const labels = Int32Array.from({ length: batch * time }, (_, i) => (i * 7) % classes);
  return {
    x: { dtype: 'f32', shape: [batch, time, width], data: x },
    labels: { dtype: 'i32', shape: [batch, time], data: labels },
    [HYPER]: { dtype: 'f32', shape: [4], data: [1e-3, 1, 1, 0] },
  };
}

/** Milliseconds of the processor that the quickest call takes: what others do on the machine counts less. */
async function leastProcessorTime(rounds: number, work: () => unknown): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < rounds; i++) {
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}

/** Milliseconds of a step in PyTorch, where it is. */
type Figures = Readonly<Partial<Record<'step' | 'processor', number>>>;

async function onDevice(at: StepCase, device: Device, torch: Figures): Promise<Row[]> {
  const { executable } = await compile(trainingStep(at), { device });
  await executable.state.initialize(1);
  const feeds = feedsOf(at);
  const row = { case: nameOf(at), device: device.name, threads: 1 };
  const { batch, time } = at;
  const blocks = executable.state.layout.elements / BLOCK;
  const report = reportProgram(executable.program, ops, { batch, time, [ARENA_BLOCKS]: blocks });
  // small steps need more of them until the engine has compiled everything
  const rounds = Math.max(8, Math.ceil(4e9 / report.flops));
  const milliseconds = await best(rounds, () => executable.run(feeds), rounds / 2);
  const processor = await leastProcessorTime(rounds, () => executable.run(feeds));
  const against = (value: number, theirs: number | undefined) =>
    theirs === undefined ? { value } : { value, peer: 'PyTorch', ratio: value / theirs };
  await device.close();
  return [
    { ...row, what: 'step', unit: 'ms', ...against(milliseconds, torch.step) },
    { ...row, what: 'step, processor time', unit: 'ms', ...against(processor, torch.processor) },
    { ...row, what: 'speed by processor time', value: report.flops / processor / 1e6, unit: 'GFLOP/s' },
    { ...row, what: 'work', value: report.flops / 1e9, unit: 'GFLOP' },
    { ...row, what: 'launches', value: report.launches, unit: 'launches' },
    { ...row, what: 'planned peak of intermediates', value: report.peakBytes / 2 ** 20, unit: 'MiB' },
  ];
}

const torchStep = ({ layers, width, heads, inner, batch, time }: StepCase): Figures =>
  torchFigures('step.py', layers, width, heads, inner, batch, time, classes);

/**
 * The interpreter goes first: its loops rely on typed arrays that never lose their memory, and V8 gives that up for all
 * code of a process once a WebAssembly memory has grown.
 */
export async function run(): Promise<Row[]> {
  const measured = cases.map((at) => ({ at, torch: torchStep(at) }));
  const rows: Row[] = [];
  for (const make of [interpreterDevice, wasmDevice]) {
    for (const { at, torch } of measured) rows.push(...(await onDevice(at, await make(), torch)));
  }
  for (const { at, torch } of measured) {
    const row = { case: nameOf(at), device: 'PyTorch', threads: 1, unit: 'ms' };
    if (torch.step !== undefined) rows.push({ ...row, what: 'step', value: torch.step });
    if (torch.processor !== undefined) {
      rows.push({ ...row, what: 'step, processor time', value: torch.processor });
    }
  }
  return rows;
}
