import { describe, expect, it } from 'vitest';
import { messageOf } from '../../support/message.ts';
import { graphCases } from './graphCases.ts';
import { kernelCases } from './kernelCases.ts';
import { runtimeCases } from './runtimeCases.ts';
import { shapeCases } from './shapeCases.ts';
import { raisedCodes } from './sources.ts';

/** Rooms whose errors are all written out, whole, in `messages/`; and what of them cannot be raised here. */
const rooms = [
  { letters: 'SX', file: 'shapes', cases: shapeCases, elsewhere: ['X003'] },
  { letters: 'IP', file: 'graph', cases: graphCases, elsewhere: [] },
  { letters: 'K', file: 'kernel', cases: kernelCases, elsewhere: ['K210', 'K212'] },
  {
    letters: 'R',
    file: 'runtime',
    cases: runtimeCases,
    elsewhere: ['R020', 'R021', 'R024', 'R025', 'R026', 'R030', 'R035'],
  },
] as const;

const codes = [...new Set(raisedCodes().map(({ code }) => code))].sort();

describe.each(rooms)('messages of $file', ({ letters, file, cases, elsewhere }) => {
  it('are those of every code', () => {
    const wanted = codes.filter((code) => letters.includes(code[0] ?? ''));
    expect([...new Set([...cases.map(([code]) => code), ...elsewhere])].sort()).toEqual(wanted);
  });

  it('are as written', async () => {
    const messages: string[] = [];
    for (const [code, work] of cases) {
      const message = await messageOf(work);
      expect(message).toMatch(new RegExp(`^\\[FROND-${code}\\] \\S`));
      messages.push(message);
    }
    await expect(`${messages.join('\n\n')}\n`).toMatchFileSnapshot(`messages/${file}.txt`);
  });
});
