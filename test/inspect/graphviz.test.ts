import { execFileSync, spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { drawGraph } from '../../src/inspect/picture.ts';
import { toDot } from '../../src/inspect/text.ts';
import { joint, nested, odd, small } from './graphs.ts';
import { elementsOf, readXml } from './read.ts';

const installed = spawnSync('dot', ['-V']).status === 0;

/** Graphviz escapes some characters by their numbers. */
const plain = (text: string): string =>
  text.replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));

describe.skipIf(!installed)('Graphviz', () => {
  it.each([
    ['small', small()],
    ['nested', nested()],
    ['odd', odd()],
    ['joint', joint(1)],
  ] as const)('draws %s: every box and arrow, with the labels as they are', (_, graph) => {
    const picture = drawGraph('drawGraph', graph);
    const text = execFileSync('dot', ['-Tsvg'], {
      input: toDot(graph),
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const svg = readXml(
      plain(
        text
          .slice(text.indexOf('<svg'))
          .replace(/<!--.*?-->\n?/gs, '')
          .replaceAll('\n<', '<'),
      ),
    );
    const groups = elementsOf(svg, 'g');
    const of = (kind: string) => groups.filter(({ attributes }) => attributes.get('class') === kind);
    const texts = of('node').map((group) =>
      elementsOf(group, 'text').map(({ text }) => text.replaceAll('\u00a0', ' ')),
    );
    const wanted = picture.boxes.map(({ label, detail }) => [label, detail].filter((line) => line !== ''));
    expect(texts.sort()).toEqual(wanted.sort());
    expect(of('edge')).toHaveLength(picture.arrows.length);
  });
});
