import { describe, expect, it } from 'vitest';
import type { Dim, Sizes } from '../../src/base/dim.ts';
import { defined, FrondError } from '../../src/base/errors.ts';
import { GraphBuilder } from '../../src/ir/builder.ts';
import { checkKernel } from '../../src/kernel/check.ts';
import { ops } from '../../src/ops/index.ts';
import { differentiate, runPasses } from '../../src/passes/index.ts';
import { elementsOf, gridOf } from '../../src/runtime/bind.ts';
import { executionOrder } from '../../src/runtime/compile.ts';
import type { Feeds } from '../../src/runtime/feeds.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
import { type LoweredNode, lowerGraph } from '../../src/runtime/lower.ts';
import { schedulesOf } from '../../src/runtime/schedules.ts';
import { wasmDevice } from '../../src/runtime/wasm/device.ts';
import { firstFault, LONG_SUMS, outcomesOn } from '../runtime/agreement/agree.ts';
import { openOracle } from '../runtime/agreement/devices.ts';
import { type MidGraph, midGraph, subgraphOf } from '../runtime/agreement/midGraph.ts';
import { sizedOps } from '../runtime/agreement/sized.ts';
import { runs } from '../support/counts.ts';
import { validSamples } from './samples/all.ts';
import type { Sample } from './samples/sample.ts';

/** The sample with every dimension of that size empty; a random key keeps its two words. */
const emptied = (sample: Sample, size: number): Sample => ({
  ...sample,
  inputs: sample.inputs.map((input) =>
    input.dtype === 'u32' ? input : { ...input, shape: input.shape.map((dim) => (dim === size ? 0 : dim)) },
  ),
});

const name = ({ op, inputs }: Sample): string =>
  `${op} of ${inputs.map(({ shape }) => `[${shape}]`).join(' ')}`;

const emptySamples = validSamples.flatMap((sample) => {
  const sizes = new Set(sample.inputs.flatMap(({ shape }) => [...shape]));
  return [...sizes].map((size) => emptied(sample, size));
});

/** The op in the middle of a graph with its gradients; undefined where these operands are refused as the graph is built. */
function built(sample: Sample) {
  try {
    return midGraph(subgraphOf(sample));
  } catch (error) {
    // of a rule of shapes, or of a gradient's sample whose attributes do not follow its operands
    if (error instanceof FrondError && /^FROND-(S|P005)/.test(error.code)) return undefined;
    throw error;
  }
}

/** What a launch without programs leaves as it was, though it has elements. */
function unwritten({ node, launches }: LoweredNode): string[] {
  return launches
    .filter((launch) => gridOf(launch, {}).includes(0))
    .flatMap(({ kernel, slots }) =>
      kernel.buffers.flatMap(({ name: buffer, access }) => {
        // what is updated was filled before
        if (access === 'read' || access === 'update') return [];
        const slot = defined(slots[buffer], buffer);
        const type = slot.kind === 'output' ? node.types[slot.index] : slot.kind === 'temporary' && slot.type;
        return type && elementsOf(type, {}) > 0 ? [`${kernel.name}: ${buffer}`] : [];
      }),
    );
}

function feedsAt(feeds: MidGraph['feeds'], sizes: Sizes): readonly Feeds[] {
  try {
    return [feeds({ sizes })];
  } catch (error) {
    if (error instanceof FrondError && error.code === 'FROND-S002') return [];
    throw error;
  }
}

describe('ops of which a dimension is empty', () => {
  it.each(['interpreter', 'wasm', 'webgpu'] as const)(
    'write all that they give on %s, by legal kernels',
    (device) => {
      const faults = emptySamples.flatMap((sample) => {
        const middle = built(sample);
        // a CRF without labels is refused, and named, where it is lowered
        if (middle === undefined || (sample.op.startsWith('crf') && sample.inputs[0]?.shape.at(-1) === 0))
          return [];
        const { graph: ready } = runPasses(middle.graph, ops);
        const { nodes } = lowerGraph(ready, executionOrder(ready), ops, schedulesOf(device));
        const kernels = nodes.flatMap(({ launches }) => launches.map(({ kernel }) => kernel));
        const illegal = kernels.flatMap((kernel) => checkKernel(kernel).map(({ message }) => message));
        return [...nodes.flatMap(unwritten), ...illegal].map((fault) => `${name(sample)}: ${fault}`);
      });
      expect(faults).toEqual([]);
    },
  );

  it('agree with the oracle, gradients included', async () => {
    const oracle = openOracle();
    const devices = [interpreterDevice(), wasmDevice({ threads: 1 })];
    // one in four is compiled in the quick suite
    const chosen = emptySamples.filter((_, i) => i % runs(1, 8) === 0);
    for (const sample of chosen) {
      const middle = built(sample);
      if (middle === undefined || sample.op.startsWith('crf')) continue;
      const feeds = middle.feeds();
      const [exact] = await outcomesOn(oracle, middle.graph, [feeds]);
      for (const device of devices) {
        const [got] = await outcomesOn(device, middle.graph, [feeds]);
        const fault = firstFault(defined(got, 'outcome'), defined(exact, 'outcome'), LONG_SUMS, false);
        if (fault !== undefined) expect.fail(`${name(sample)} on ${device.name}: ${fault}`);
      }
    }
    await Promise.all([...devices, oracle].map((device) => device.close()));
  });

  it('agree with the oracle where only a feed tells that a named size is 0', async () => {
    const oracle = openOracle();
    const devices = [interpreterDevice(), wasmDevice({ threads: 1 })];
    const chosen = sizedOps.filter((_, i) => i % runs(1, 6) === 0);
    for (const sized of chosen) {
      const { graph, feeds } = midGraph(sized);
      const empty = Object.keys(sized.sizes).map((name) => ({ ...sized.sizes, [name]: 0 }));
      // an operand of a size such as m − 1 cannot be made: there is nothing to feed
      const fed = empty.flatMap((sizes) => feedsAt(feeds, sizes));
      const exact = await outcomesOn(oracle, graph, fed);
      for (const device of devices) {
        const got = await outcomesOn(device, graph, fed);
        for (const [i, outcome] of got.entries()) {
          const fault = firstFault(outcome, defined(exact[i], 'outcome'), LONG_SUMS, false);
          if (fault === undefined) continue;
          expect.fail(`${sized.name}, feed ${i}, on ${device.name}: ${fault}`);
        }
      }
    }
    await Promise.all([...devices, oracle].map((device) => device.close()));
  });

  it.each([0, 'inner'])('a bias gets its gradient from a product over nothing, of size %s', async (inner) => {
    const b = new GraphBuilder('bias', ops);
    const f32 = (...shape: readonly Dim[]) => ({ dtype: 'f32', shape }) as const;
    const [x, w, bias] = [b.input('x', f32(3, inner)), b.input('w', f32(inner, 2)), b.input('b', f32(2))];
    b.output('loss', b.sum(b.mul(b.one('linear', [x, w, bias]), b.constant(5)), [0, 1]));
    const { graph, gradients } = differentiate(b.finish(), ops, { loss: 'loss', wrt: [bias, w] });
    const outputs = { db: defined(gradients[bias], 'db'), dw: defined(gradients[w], 'dw') };
    for (const device of [interpreterDevice(), wasmDevice({ threads: 1 })]) {
      const [got] = await outcomesOn(device, { ...graph, outputs }, [
        {
          x: { dtype: 'f32', shape: [3, 0], data: [] },
          w: { dtype: 'f32', shape: [0, 2], data: [] },
          b: { dtype: 'f32', shape: [2], data: [1, 2] },
        },
      ]);
      expect(got).toMatchObject({ db: { data: Float32Array.of(15, 15) }, dw: { data: new Float32Array(0) } });
      await device.close();
    }
  });
});
