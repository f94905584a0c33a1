import { describe, expect, test } from 'vitest';
import { printWgsl } from '../../src/backend/wgsl/index.ts';
import { isFloating } from '../../src/base/dtype.ts';
import { defined } from '../../src/base/errors.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { topologicalOrder } from '../../src/ir/order.ts';
import { assertKernel } from '../../src/kernel/check.ts';
import type { Kernel } from '../../src/kernel/ir.ts';
import { ops } from '../../src/ops/index.ts';
import { differentiate, runPasses } from '../../src/passes/index.ts';
import { lowerGraph } from '../../src/runtime/lower.ts';
import { arenasFor } from '../support/arenas.ts';
import { build } from './run.ts';
import { validSamples } from './samples/all.ts';

function kernelsOf(graph: Graph): Set<Kernel> {
  const { graph: ready } = runPasses(graph, ops, { check: true });
  const { nodes } = lowerGraph(ready, topologicalOrder(ready), ops);
  return new Set(nodes.flatMap(({ launches }) => launches.map(({ kernel }) => kernel)));
}

describe('every kernel that an op lowers to is legal for all backends', () => {
  test.each([...new Set(validSamples.map(({ op }) => op))])('%s', (op) => {
    const texts = new Map<string, Kernel>();
    for (const sample of validSamples.filter((each) => each.op === op)) {
      const { builder, inputs, outputs } = build(sample);
      const y = defined(outputs[0], 'result');
      builder.output('y', y);
      const wrt = inputs.filter((ref) => isFloating(builder.typeOf(ref).dtype));
      const record = ops.get(op);
      const differentiable = record?.vjp !== undefined || record?.expand !== undefined;
      let graph = builder.finish();
      if (differentiable && wrt.length > 0 && isFloating(builder.typeOf(y).dtype)) {
        const upstream = builder.input('dy', builder.typeOf(y));
        const result = differentiate(builder.finish(), ops, { loss: 'y', wrt, upstream });
        graph = { ...result.graph, outputs: { ...result.graph.outputs, ...result.gradients } };
      }
      for (const kernel of kernelsOf(graph)) {
        assertKernel(kernel);
        expect(printWgsl(kernel, { arenas: arenasFor(kernel) }).code).toContain('@compute');
        // a name and a variant stand for one text
        const name = `${kernel.name} ${kernel.variant}`;
        expect(texts.get(name) ?? kernel).toBe(kernel);
        texts.set(name, kernel);
      }
    }
    expect(texts.size > 0 || op === 'reshape').toBe(true);
  });
});
