import { compile, interpreterDevice, interpretKernel, ops, runPasses } from 'frond';
import { executionOrder } from '../src/runtime/compile.ts';
import { giveGradientsMemory } from '../src/runtime/gradients.ts';
import { lowerGraph } from '../src/runtime/lower.ts';
import { trainingStep } from './models.ts';
import { best, type Row } from './row.ts';

export const about = 'compiling the training step of an encoder of 2, 4 and 12 layers, width 128';

const rounds = 3;

async function measure(layers: number): Promise<Row[]> {
  const build = () => trainingStep({ layers, width: 128, heads: 4, inner: 512 });
  const graph = build();
  const optimised = runPasses(graph, ops).graph;
  const lower = () => {
    const ready = giveGradientsMemory(optimised, executionOrder(optimised), ops);
    return lowerGraph(ready, executionOrder(ready), ops);
  };
  const program = lower();
  const kernels = new Set(program.steps.flatMap(({ launches }) => launches.map(({ kernel }) => kernel)));
  const prepare = () => {
    for (const kernel of kernels) interpretKernel(kernel, 'f32');
  };
  const row = { case: `${layers} layers`, device: 'interpreter', threads: 1 };
  const timed = async (what: string, work: () => unknown): Promise<Row> => ({
    ...row,
    what,
    value: await best(rounds, work, 1),
    unit: 'ms',
  });
  const count = (what: string, value: number, unit: string): Row => ({ ...row, what, value, unit });
  return [
    count('nodes declared and differentiated', Object.keys(graph.nodes).length, 'nodes'),
    count('nodes after the passes', Object.keys(optimised.nodes).length, 'nodes'),
    count('distinct kernels', kernels.size, 'kernels'),
    await timed('declaration and differentiation', build),
    await timed('passes', () => runPasses(graph, ops)),
    await timed('lowering', lower),
    await timed('preparation of kernels', prepare),
    await timed('compile, all told', () => compile(graph, { device: interpreterDevice() })),
  ];
}

export async function run(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const layers of [2, 4, 12]) rows.push(...(await measure(layers)));
  return rows;
}
