import { FrondError } from '../../src/base/errors.ts';

/** The whole message of what `work` throws; places in the sources are cut to the file's own path. */
export async function messageOf(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof FrondError)) throw error;
    return error.message
      .replace(/[^\s(]*\/((?:test|src|kernels)\/[^\s:)]+)(:\d+)*/g, '$1')
      .replace(/(\w+Cases\.ts):\d+/g, '$1');
  }
  throw new Error('nothing was thrown');
}
