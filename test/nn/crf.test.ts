import { describe, expect, test } from 'vitest';
import { crf, f32, graph, i32, mean, neg } from '../../src/dsl/index.ts';
import { chainConstraints, constrain, crfLayer, FORBIDDEN, type LabelScheme } from '../../src/nn/index.ts';
import { compile } from '../../src/runtime/compile.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';

const BIO = ['O', 'B-city', 'I-city', 'B-date', 'I-date'];
const BIOES = ['O', 'B-city', 'I-city', 'E-city', 'S-city', 'B-date', 'E-date'];
const BILOU = BIOES.map((tag) => tag.replace('E-', 'L-').replace('S-', 'U-'));
const BMES = BIOES.map((tag) => tag.replace('I-', 'M-'));

/** The same law as a grammar of whole sentences, written without looking at single steps. */
const GRAMMAR: Record<LabelScheme, RegExp> = {
  BIO: /^(O |B-city (I-city )*|B-date (I-date )*)*$/,
  BIOES: /^(O |S-city |B-city (I-city )*E-city |B-date E-date )*$/,
  BILOU: /^(O |U-city |B-city (I-city )*L-city |B-date L-date )*$/,
  BMES: /^(O |S-city |B-city (M-city )*E-city |B-date E-date )*$/,
};

const sentences = (labels: readonly string[], length: number): string[][] =>
  length === 0
    ? [[]]
    : sentences(labels, length - 1).flatMap((rest) => labels.map((label) => [...rest, label]));

describe('constraints of a label scheme', () => {
  test.each([
    ['BIO', BIO],
    ['BIOES', BIOES],
    ['BILOU', BILOU],
    ['BMES', BMES],
  ] as const)('%s allows exactly the sentences of its grammar', (scheme, labels) => {
    const { transitions, start, stop } = chainConstraints(labels, scheme);
    const id = (label: string | undefined) => labels.indexOf(label ?? '');
    for (const length of [1, 2, 3, 4]) {
      for (const sentence of sentences(labels, length)) {
        const steps = sentence
          .slice(1)
          .map((to, i) => transitions[id(sentence[i]) * labels.length + id(to)] ?? 1);
        const score = [start[id(sentence[0])] ?? 1, ...steps, stop[id(sentence.at(-1))] ?? 1];
        const allowed = score.every((part) => part === 0);
        expect(allowed, sentence.join(' ')).toBe(
          GRAMMAR[scheme].test(sentence.map((tag) => `${tag} `).join('')),
        );
        expect(score.every((part) => part === 0 || part === FORBIDDEN)).toBe(true);
      }
    }
  });
});

describe('constrain', () => {
  test.each([
    ['BIO', BIO],
    ['BIOES', BIOES],
    ['BILOU', BILOU],
    ['BMES', BMES],
    ['BIO', ['O', 'I-room', 'B-city', 'I-city']],
  ] as const)('rules out in %s what the constraints forbid, and nothing else', async (scheme, labels) => {
    const count: number = labels.length;
    const model = graph('rules', (g) => {
      const scores = {
        transitions: g.constant(0.5, f32, [count, count]),
        start: g.constant(0.5, f32, [count]),
        stop: g.constant(0.5, f32, [count]),
      };
      return { ...constrain(g, scores, labels, scheme) };
    });
    const { executable } = await compile(model.ir, { device: interpreterDevice() });
    const results = await executable.run({});
    for (const [name, scores] of Object.entries(chainConstraints(labels, scheme))) {
      const wanted = Float32Array.from(scores, (score: number) => (score === 0 ? 0.5 : FORBIDDEN));
      expect(results[name]?.data, name).toEqual(wanted);
    }
  });
});

describe('crfLayer', () => {
  const model = graph('model', (g) => {
    const emissions = g.input('emissions', f32, ['batch', 'time', 5]);
    const lengths = g.input('lengths', i32, ['batch']);
    const tags = g.input('tags', i32, ['batch', 'time']);
    const { scores, constrained } = crfLayer(g, BIO, { scheme: 'BIO' });
    const loss = neg(mean(crf.logLikelihood(emissions, tags, lengths, scores)));
    return {
      loss,
      free: crf.decode(emissions, lengths, scores),
      legal: crf.decode(emissions, lengths, constrained),
    };
  });

  test('declares transitions, start and stop', () => {
    const names = Object.values(model.ir.nodes).flatMap(({ op, attributes }) =>
      op === 'parameter' ? [attributes.name] : [],
    );
    expect(names).toEqual(['crf/transitions', 'crf/start', 'crf/stop']);
  });

  test('decodes legally where the best labels by themselves are not', async () => {
    const { executable } = await compile(model.ir, { device: interpreterDevice() });
    await executable.state.initialize(1);
    // I-city wins everywhere by a margin above all scores of the chain
    const emissions = Array.from({ length: 3 * 5 }, (_, i) => (i % 5 === 2 ? 3 : i % 5 === 1 ? 1 : 0));
    const results = await executable.run({
      emissions: { dtype: f32, shape: [1, 3, 5], data: emissions },
      lengths: { dtype: i32, shape: [1], data: [3] },
      tags: { dtype: i32, shape: [1, 3], data: [1, 2, 2] },
    });
    expect(Array.from(results.free?.data ?? [])).toEqual([2, 2, 2]);
    expect(Array.from(results.legal?.data ?? [])).toEqual([1, 2, 2]);
    expect(results.loss?.data[0]).toBeGreaterThan(0);
    // and whatever the scores, in f32
    const huge = await executable.run({
      emissions: { dtype: f32, shape: [1, 3, 5], data: emissions.map((score) => 1e6 * score) },
      lengths: { dtype: i32, shape: [1], data: [3] },
      tags: { dtype: i32, shape: [1, 3], data: [1, 2, 2] },
    });
    expect(Array.from(huge.free?.data ?? [])).toEqual([2, 2, 2]);
    expect(Array.from(huge.legal?.data ?? [])).toEqual([1, 2, 2]);
  });
});
