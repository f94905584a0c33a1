import { compile, wasmDevice } from 'frond';
import { bertStep } from './models.ts';

/** compileOnce LAYERS: compiles a training step of BERT's sizes first cold, then on a fresh device; prints milliseconds as
 * JSON, and bytes that the process had after the first. */

const layers = Number(process.argv[2]);

async function once() {
  const start = performance.now();
  const graph = bertStep({ layers });
  const declared = performance.now();
  const device = await wasmDevice();
  const { passes } = await compile(graph, { device });
  const end = performance.now();
  await device.close();
  const passing = passes.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  return {
    declared: declared - start,
    compiled: end - declared,
    passes: passing,
    nodes: Object.keys(graph.nodes).length,
  };
}

const cold = { ...(await once()), resident: process.memoryUsage().rss };
const again = [await once(), await once()];
const warm = Math.min(...again.map(({ compiled }) => compiled));
console.log(`@${JSON.stringify({ ...cold, warm })}`);
process.exit(0);
