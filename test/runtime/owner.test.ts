import { describe, expect, it } from 'vitest';
import { GpuOwner } from '../../src/runtime/webgpu/owner.ts';

/** A GPU device of which each test says what it answers with. */
function fake(errors: Readonly<Record<string, { message: string }>> = {}) {
  let lose: (info: { reason: string; message: string }) => void = () => undefined;
  const scopes: string[] = [];
  const heard: ((event: object) => void)[] = [];
  const device = {
    lost: new Promise((resolve) => {
      lose = resolve;
    }),
    addEventListener: (_: string, listener: (event: object) => void) => heard.push(listener),
    pushErrorScope: (filter: string) => scopes.push(filter),
    popErrorScope: async () => errors[scopes.pop() ?? ''] ?? null,
    destroy: () => lose({ reason: 'destroyed', message: '' }),
  };
  const owner = new GpuOwner(device as unknown as GPUDevice, []);
  const complain = (message: string): void => {
    for (const listener of heard) listener({ preventDefault: () => undefined, error: { message } });
  };
  return { owner, lose: () => lose({ reason: 'unknown', message: 'it fell off' }), complain };
}

describe('the owner of a GPU device', () => {
  it('says that memory is short, unless the GPU is lost', async () => {
    const short = fake({ 'out-of-memory': { message: 'no' }, validation: { message: 'invalid buffer' } });
    await expect(short.owner.scoped('12 bytes of memory', () => 1)).rejects.toThrow(
      '[FROND-R001] the GPU has not enough memory: 12 bytes of memory',
    );
    const lost = fake({ 'out-of-memory': { message: 'no' } });
    const asked = lost.owner.scoped('12 bytes of memory', () => 1);
    setTimeout(lost.lose, 20);
    await expect(asked).rejects.toThrow('[FROND-R030] the webgpu device was lost: unknown: it fell off');
  });

  it('ends every wait when the GPU is lost, and blames no call that failed of it', async () => {
    const { owner, lose } = fake();
    const forever = owner.guard('a step', new Promise(() => undefined));
    const failing = owner.guard('a copy', Promise.reject(new Error('aborted')));
    lose();
    await expect(forever).rejects.toThrow('[FROND-R030]');
    await expect(failing).rejects.toThrow('[FROND-R030]');
    await expect(owner.guard('another', Promise.resolve(1))).rejects.toThrow('[FROND-R030]');
  });

  it('names a call that fails by itself, and trusts nothing after an error that nobody caught', async () => {
    const { owner, complain } = fake({ validation: { message: 'bad\nlong story' } });
    await expect(owner.scoped('kernel x', () => 1)).rejects.toThrow(
      '[FROND-R024] the GPU refuses kernel x: bad\n',
    );
    const thrown = owner.scoped('kernel y', () => {
      throw new TypeError('no number');
    });
    await expect(thrown).rejects.toThrow('[FROND-R024]');
    complain('stray');
    await expect(owner.scoped('a step', () => 1)).rejects.toThrow('the GPU refuses a call: stray');
  });
});
