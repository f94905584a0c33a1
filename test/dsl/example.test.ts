import { expect, test, vi } from 'vitest';

test('the example of the README runs and prints the shapes it says', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  await import('../../examples/typed-model.ts');
  expect(log.mock.calls).toEqual([[['batch', 'time', 30], '→', [1, 3, 30]]]);
  log.mockRestore();
});
