import { FrondError } from '../base/errors.ts';
import { GraphBuilder } from '../ir/builder.ts';
import { ops } from '../ops/index.ts';
import { compile } from './compile.ts';
import type { Device } from './device.ts';

/** Memory that a device must have to be of use, in words: 16 MiB. */
const ROOM = 2 ** 22;
const TERMS = [1, 2, 3, 4];

/**
 * Opens a device and has it compute something, as some fail only then: where memory is short, or threads do not start.
 * @throws FROND-R… where it cannot be opened, has no memory, or computes something else; it is closed then
 */
export async function openTried<D extends Device>(open: () => D | Promise<D>): Promise<D> {
  const device = await open();
  try {
    device.free(await device.allocate(ROOM));
    const b = new GraphBuilder('trial', ops);
    const x = b.input('x', { dtype: 'f32', shape: [TERMS.length] });
    b.output('sum', b.sum(b.one('mul', [x, x]), [0]));
    const { executable } = await compile(b.finish(), { device });
    const { sum } = await executable.run({ x: { dtype: 'f32', shape: [TERMS.length], data: TERMS } });
    await executable.free();
    if (sum?.data[0] === 30) return device;
    throw new FrondError(
      'FROND-R035',
      `the device ${device.name} computes ${sum?.data[0]} where 30 is right`,
      {
        hint: 'update its driver or the engine, or use another device',
      },
    );
  } catch (cause) {
    await device.close().catch(() => undefined);
    throw cause;
  }
}
