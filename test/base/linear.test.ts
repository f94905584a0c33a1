import { describe, expect, it } from 'vitest';
import { namesOf } from '../../src/base/dim.ts';
import { FrondError } from '../../src/base/errors.ts';
import { escapeMarkup } from '../../src/base/shown.ts';
import { parseArguments } from '../../src/cli/arguments.ts';
import { describe as describeError, placeIn } from '../../src/cli/failure.ts';
import { shellWord, shown, shownJson } from '../../src/cli/io.ts';
import { sizesOf } from '../../src/cli/run.ts';
import { checkDims } from '../../src/dsl/handle.ts';
import { bindPattern } from '../../src/dsl/pattern.ts';
import { f32, type Graph, graph, palm, printGraph, toDot, toMermaid, toSvg } from '../../src/index.ts';
import { parseGraph } from '../../src/ir/parse.ts';
import { readTag } from '../../src/nn/tags.ts';
import { parseVocabulary } from '../../src/palm/tokenizer/vocabulary.ts';
import { parseStrictJson } from '../../src/store/json.ts';

/** A graph whose one node was made in the file of this name. */
function madeIn(file: string): Graph {
  const { ir: made } = graph('g', (g) => ({ y: g.input('x', f32, [1]) }));
  const nodes = Object.entries(made.nodes).map(([name, node]) => [
    name,
    { ...node, source: { file, line: 1, column: 1 } },
  ]);
  return { ...made, nodes: Object.fromEntries(nodes) };
}

const vocabulary = parseVocabulary('[UNK]\n[MASK]\na\n##a\naa\n##aa\n');
const pieces = palm.tokenizer.wordPiece({ vocabulary, maximumCharacters: 1e9 });
const characters = palm.tokenizer.character({ vocabulary, unicode: 'NFKC', stripAccents: 'all' });

/** Everything that takes text of a user apart; readers of data have a test of their own, `test/palm/words.test.ts`. */
const takers: Readonly<Record<string, (text: string) => unknown>> = {
  'a pattern of rearrange': (text) => bindPattern('rearrange', `${text}->${text}`, [[1, 2]]),
  'a dimension': (text) => checkDims('x', [text]),
  'names in a dimension': namesOf,
  'a printed graph': parseGraph,
  'a string in a printed graph': (text) =>
    parseGraph(`graph g() {\n  %y = constant() {value: "${text}"} : f32[]\n`),
  'a quoted place in a printed graph': (text) =>
    parseGraph(`graph g() {\n  %y = constant() : f32[] // · "${text}:1\n}`),
  'a shape in a printed graph': (text) => parseGraph(`graph g(x: f32[${text}]) {`),
  'a place in a printed graph': (text) =>
    parseGraph(`graph g() {\n  %y = constant() : f32[] // · ${text}\n}`),
  'a file name in a print': (text) => printGraph(madeIn(text)),
  'a file name in DOT': (text) => toDot(madeIn(text)),
  'a file name in Mermaid': (text) => toMermaid(madeIn(text)),
  'a file name in SVG': (text) => toSvg(madeIn(text)),
  'a string of JSON': (text) => parseStrictJson(`["${text}"]`, 'f'),
  JSON: (text) => parseStrictJson(text, 'f'),
  'a vocabulary': (text) => parseVocabulary(`[PAD]\n[UNK]\n${text}`),
  'a text for WordPiece': (text) => pieces.encode(text),
  'a text in NFKC for characters': (text) => characters.encode(text),
  'a tokenizer.json': (text) =>
    palm.tokenizer.fromTokenizerJson(`{"model": {"type": "WordPiece", "vocab": {"[UNK]": 0, "${text}`),
  'a tag': (text) => readTag(`B-${text}`),
  'a word on a terminal': shown,
  'a word in JSON on a terminal': (text) => shownJson({ text }),
  'a word for a shell': shellWord,
  'a word in a report': escapeMarkup,
  'a message of an error': (text) => [placeIn('/x', new Error(text)), describeError(new Error(text))],
  'sizes on the command line': (text) => sizesOf(madeIn('f'), text),
  'an option on the command line': (text) => parseArguments('x', {}, [`--${text}`]),
};

const LETTERS = [...' \t\n\u00a0\ufeff\ud800a1.,:;@_-+*/\\"%#&<>()[]{}='];
const units = [
  ...LETTERS,
  '\r\n',
  'a ',
  '1+',
  'a+',
  '()',
  '( ',
  ' (',
  '(a',
  '\\"',
  '1:',
  ':1:1',
  '.1',
  'e1',
  'at /',
  'at (/',
  ' at (',
  '\u0301',
  'é\u0301\u200b',
  '[MASK',
];

/** Milliseconds; refusals of frond are as good as answers. */
function timeOf(take: (text: string) => unknown, text: string): number {
  const start = performance.now();
  try {
    take(text);
  } catch (error) {
    if (!(error instanceof FrondError)) throw error;
  }
  return performance.now() - start;
}

describe('text is taken apart in a time that grows with its length', () => {
  it.each(Object.keys(takers))('%s', (name) => {
    const take = takers[name] ?? String;
    for (const unit of units) {
      const text = `a${unit.repeat(100_000 / unit.length)}b`;
      // a square of this is 10 s at the least
      expect(timeOf(take, text), JSON.stringify(unit)).toBeLessThan(2500);
    }
  });

  it.each([
    ['a string in a printed graph', '\\a'],
    ['a dimension', 'a+'],
  ])('%s of millions of letters', (name, unit) => {
    expect(timeOf(takers[name] ?? String, `${unit.repeat(3_000_000)}b`)).toBeLessThan(20_000);
  });
});
