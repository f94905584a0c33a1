import { expect, it } from 'vitest';
import { graph, i32, palm } from '../../src/index.ts';

it('hides words of a training graph behind the unknown one of the tokenizer', () => {
  const constantsOf = (training: boolean, unknown?: number): readonly unknown[] => {
    const encoder = palm.backbone.compactEncoder({
      ...{ vocabulary: 200, width: 8, layers: 1, heads: 2, wordDropout: 0.5 },
      ...(unknown !== undefined && { unknown }),
    });
    const { ir } = graph(
      'hidden',
      (g) => {
        const ids = (name: string) => g.input(name, i32, ['batch', 'time']);
        const mask = g.input('mask', 'bool', ['batch', 'time']);
        return encoder.build(g, { tokens: ids('tokens'), positions: ids('positions'), mask });
      },
      { training },
    );
    const constants = Object.values(ir.nodes).filter(({ op }) => op === 'constant');
    return constants.filter(({ types }) => types[0]?.dtype === i32).map(({ attributes }) => attributes.value);
  };
  expect(constantsOf(true)).toEqual([1]);
  expect(constantsOf(true, 100)).toEqual([100]);
  expect(constantsOf(false, 100)).toEqual([]);
});
