import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { TypedGraph } from '../../src/dsl/index.ts';
import { GraphBuilder } from '../../src/ir/builder.ts';
import type { Graph, Ref } from '../../src/ir/graph.ts';
import { ops } from '../../src/ops/index.ts';
import { differentiate } from '../../src/passes/index.ts';
import type { TensorValue } from '../../src/runtime/feeds.ts';
import { readSafetensors } from '../../src/store/safetensors.ts';
import { runGraph } from './run.ts';

// Values that PyTorch computed, kept as safetensors beside the script that made them.

/** Tensors of a file, by name. */
export function readGolden(file: URL): Map<string, TensorValue> {
  const { tensors } = readSafetensors(new Uint8Array(readFileSync(file)), file.pathname);
  return new Map(
    [...tensors].map(([key, { dtype, shape, bytes: raw }]) => {
      const buffer = raw.slice().buffer;
      const whole = dtype === 'I32';
      return [
        key,
        {
          dtype: whole ? 'i32' : 'f32',
          shape,
          data: whole ? new Int32Array(buffer) : new Float32Array(buffer),
        },
      ];
    }),
  );
}

export const get = (tensors: ReadonlyMap<string, TensorValue>, key: string): TensorValue => {
  const value = tensors.get(key);
  if (value === undefined) throw new Error(`golden ${key} is missing`);
  return value;
};

export function expectClose(actual: ArrayLike<number> | undefined, wanted: TensorValue, what: string): void {
  expect(actual?.length, what).toBe(wanted.data.length);
  let worst = 0;
  for (let i = 0; i < wanted.data.length; i++) {
    const reference = wanted.data[i] as number;
    worst = Math.max(worst, Math.abs((actual?.[i] ?? Number.NaN) - reference) / (1 + Math.abs(reference)));
  }
  expect(worst, what).toBeLessThan(2e-5);
}

/** Adds gradients of all float inputs under a fed upstream gradient, as outputs `d.NAME`. */
function withGradients(forward: Graph, shape: readonly number[]): Graph {
  const builder = new GraphBuilder(forward.name, ops, forward);
  const upstream = builder.input('upstream', { dtype: 'f32', shape });
  const graph = builder.finish();
  const wrt = graph.inputs.filter((id) => id !== upstream && graph.nodes[id]?.types[0]?.dtype === 'f32');
  const { graph: both, gradients } = differentiate(graph, ops, {
    loss: 'out',
    wrt,
    parameters: [],
    upstream,
  });
  const done = new GraphBuilder(both.name, ops, both);
  // an input that the output does not depend on has no gradient
  for (const ref of wrt) if (gradients[ref] !== undefined) done.output(`d.${ref}`, gradients[ref] as Ref);
  return done.finish();
}

/** Overrides the parameters that a layer declares, so that they are fed. */
export const fed = (forward: Graph): Graph => {
  const nodes = Object.fromEntries(
    Object.entries(forward.nodes).map(([id, node]) =>
      node.op === 'parameter' ? [id, { ...node, op: 'input', attributes: { name: id } }] : [id, node],
    ),
  );
  const extra = Object.values(nodes).filter(
    (node) => node.op === 'input' && !forward.inputs.includes(node.id),
  );
  return { ...forward, nodes, inputs: [...forward.inputs, ...extra.map((node) => node.id)] };
};

/** A mask is stored as whole numbers. */
const asDeclared = (value: TensorValue, dtype: string | undefined): TensorValue =>
  dtype === 'bool' ? { ...value, dtype, data: Uint32Array.from(value.data, Number) } : value;

/** Output `out` and the gradients of all float inputs and parameters agree with a file, in f32 and f64. */
export async function expectGolden(file: URL, forward: Graph | TypedGraph): Promise<void> {
  const tensors = readGolden(file);
  const graph = withGradients(fed('ir' in forward ? forward.ir : forward), get(tensors, 'out').shape);
  const feeds = Object.fromEntries(
    graph.inputs.map((id) => [id, asDeclared(get(tensors, id), graph.nodes[id]?.types[0]?.dtype)] as const),
  );
  const wanted = [...tensors.keys()].filter((key) => key === 'out' || key.startsWith('d.'));
  expect(Object.keys(graph.outputs).sort()).toEqual(wanted.sort());
  for (const precision of ['f32', 'f64'] as const) {
    const results = await runGraph(graph, feeds, { precision });
    for (const key of wanted)
      expectClose(results[key]?.data, get(tensors, key), `${file.pathname} ${precision} ${key}`);
  }
}
