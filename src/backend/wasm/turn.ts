import type { Code } from './code.ts';
import { v128 } from './instructions.ts';

/** Transposes four vectors of four. */
export function turn(
  [a, b, c, d]: readonly [Code<'v128'>, Code<'v128'>, Code<'v128'>, Code<'v128'>],
  keep: (code: Code<'v128'>, name: string) => Code<'v128'>,
): Code<'v128'>[] {
  const low = [v128.shuffle(a, b, [0, 4, 1, 5]), v128.shuffle(c, d, [0, 4, 1, 5])] as const;
  const high = [v128.shuffle(a, b, [2, 6, 3, 7]), v128.shuffle(c, d, [2, 6, 3, 7])] as const;
  const [l0, l1] = [keep(low[0], 'low0'), keep(low[1], 'low1')];
  const [h0, h1] = [keep(high[0], 'high0'), keep(high[1], 'high1')];
  return [
    v128.shuffle(l0, l1, [0, 1, 4, 5]),
    v128.shuffle(l0, l1, [2, 3, 6, 7]),
    v128.shuffle(h0, h1, [0, 1, 4, 5]),
    v128.shuffle(h0, h1, [2, 3, 6, 7]),
  ];
}
