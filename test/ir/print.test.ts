import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrondError } from '../../src/base/errors.ts';
import { GraphBuilder } from '../../src/ir/builder.ts';
import type { Attribute, Graph, Node } from '../../src/ir/graph.ts';
import { parseGraph } from '../../src/ir/parse.ts';
import { printGraph } from '../../src/ir/print.ts';
import { differentiate, runPasses } from '../../src/passes/index.ts';
import { runs } from '../support/counts.ts';
import { randomGraph } from '../support/randomGraph.ts';
import { testOps } from '../support/testOps.ts';

function tagger(): Graph {
  const b = new GraphBuilder('tagger.step', testOps);
  b.source = { file: 'examples/tagger.ts', line: 3 };
  const x = b.input('x', { dtype: 'f32', shape: ['batch', 'time', 8] });
  b.scope = 'encoder/layer.0';
  b.source = { file: 'examples/tagger.ts', line: 4, column: 11 };
  const w = b.parameter(
    'w',
    { dtype: 'f32', shape: [8, 4] },
    { initializer: { kind: 'normal', deviation: 0.02 } },
  );
  const [left = '', right = ''] = b.op('halves', [b.matmul(x, w)]);
  b.phase = 'update';
  b.scope = '';
  b.output('scores', b.mul(left, right));
  b.source = undefined;
  b.effect(b.constant([1, -0, Number.NaN], { dtype: 'f32', shape: [3] }));
  return b.finish();
}

describe('text form', () => {
  test('shows inputs, nodes, scopes, source lines, phases, outputs and effects', () => {
    expect(printGraph(tagger())).toMatchInlineSnapshot(`
      "graph tagger.step(x: f32[batch, time, 8]) {
        %x = input() {name: "x"} : f32[batch, time, 8]                            // · examples/tagger.ts:3
        %encoder/layer.0/w = parameter() {name: "encoder/layer.0/w", initializer: {kind: "normal", deviation: 0.02}, trainable: true} : f32[8, 4]  // encoder/layer.0 · examples/tagger.ts:4:11
        %matmul = matmul(%x, %encoder/layer.0/w) : f32[batch, time, 4]            // encoder/layer.0 · examples/tagger.ts:4:11
        %halves = halves(%matmul) : f32[batch, time, 2], f32[batch, time, 2]      // encoder/layer.0 · examples/tagger.ts:4:11
        %mul = mul(%halves, %halves#1) : f32[batch, time, 2] @update              // · examples/tagger.ts:4:11
        %constant = constant() {value: [1, -0, NaN]} : f32[3] @update
        output scores = %mul
        effect %constant
      }
      "
    `);
  });

  test('cuts long lists only when asked', () => {
    const b = new GraphBuilder('g', testOps);
    b.output('x', b.constant(Array(20).fill(1), { dtype: 'f32', shape: [20] }));
    expect(printGraph(b.finish())).not.toContain('more');
    expect(printGraph(b.finish(), { longestList: 3 })).toContain('{value: [1, 1, 1, … 17 more]}');
  });

  test('parses back to the same value', () => {
    expect(parseGraph(printGraph(tagger()))).toEqual(tagger());
  });

  test('random graphs, differentiated and fused, parse back to the same value', () => {
    const choices = fc.array(fc.integer({ min: 0, max: 1e6 }), { minLength: 4, maxLength: 150, size: 'max' });
    fc.assert(
      fc.property(choices, (list) => {
        const { graph } = randomGraph(list, testOps);
        const backward = differentiate(graph, testOps, { loss: 'loss' });
        for (const value of [graph, backward.graph, runPasses(backward.graph, testOps).graph]) {
          expect(parseGraph(printGraph(value))).toEqual(value);
        }
      }),
      { numRuns: runs(500, 30), seed: 5 },
    );
  });

  test('every attribute, name and place that is legal parses back', () => {
    const name = fc.stringMatching(/^[A-Za-z_][\w.-]{0,6}$/).filter((text) => text !== '__proto__');
    const attribute = fc.letrec<{ value: Attribute }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.double(),
        fc.string({ unit: 'binary' }),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(
          fc.string().filter((key) => key !== '__proto__'),
          tie('value'),
          { maxKeys: 3, noNullPrototype: true },
        ),
      ),
    })).value;
    const place = fc.record(
      { file: fc.string({ minLength: 1, unit: 'binary' }), line: fc.nat(), column: fc.nat() },
      { requiredKeys: ['file', 'line'], noNullPrototype: true },
    );
    const node = fc.record(
      {
        id: name,
        scope: fc.oneof(fc.constant(''), name),
        value: attribute,
        source: place,
        phase: fc.constantFrom('forward', 'backward', 'update'),
      },
      { requiredKeys: ['id', 'scope', 'value', 'phase'], noNullPrototype: true },
    );
    fc.assert(
      fc.property(node, ({ value, ...rest }) => {
        const types: Node['types'] = [{ dtype: 'f32', shape: ['a+a*b', 0, 'time/4'] }];
        const made: Node = {
          op: 'constant',
          inputs: [],
          types,
          attributes: { value, 'odd key': 1 },
          ...rest,
        };
        const graph: Graph = {
          name: 'g',
          nodes: { [made.id]: made },
          inputs: [],
          outputs: {},
          effects: [made.id],
        };
        expect(parseGraph(printGraph(graph))).toEqual(graph);
      }),
      { numRuns: runs(10_000, 300), seed: 9 },
    );
  });
});

describe('malformed text', () => {
  const good = printGraph(tagger());
  test.each([
    ['', /FROND-I020\] malformed graph text: there is no graph/],
    ['digraph x {}', /a graph starts with the word graph/],
    [good.replace('}\n', '\n'), /closing brace is missing|expected/],
    [`${good}x`, /nothing may follow/],
    [good.replace(': f32[8, 4]', ': f32[8, 4'), /expected \]/],
    [good.replace(': f32[8, 4]', ': f64[8, 4]'), /f64 is not a dtype/],
    [good.replace('@update', '@later'), /later is not a phase/],
    [good.replace('output scores = %mul', 'output scores = mul'), /expected %/],
    [good.replace('{value:', '{value'), /expected :/],
    [good.replace('NaN', 'nothing'), /expected a value/],
  ])('is refused with its place: %#', (text, message) => {
    expect(() => parseGraph(text, 'tagger.txt')).toThrow(message);
    expect(() => parseGraph(text, 'tagger.txt')).toThrow(/at tagger\.txt:\d+:\d+/);
  });

  test('a name bound twice is refused', () => {
    const line = good.split('\n').find((text) => text.includes('= matmul')) ?? '';
    expect(() => parseGraph(good.replace(line, `${line}\n${line}`))).toThrow(
      /\[FROND-I002\] %matmul is bound twice/,
    );
  });

  test('truncations and byte flips give a graph or a FrondError, never anything else', () => {
    fc.assert(
      fc.property(
        fc.nat(good.length - 1),
        fc.integer({ min: 32, max: 126 }),
        fc.boolean(),
        (at, byte, cut) => {
          const text = cut
            ? good.slice(0, at)
            : good.slice(0, at) + String.fromCharCode(byte) + good.slice(at + 1);
          try {
            parseGraph(text);
          } catch (error) {
            expect(error).toBeInstanceOf(FrondError);
          }
        },
      ),
      { numRuns: runs(20_000, 500), seed: 13 },
    );
  });
});
