import { type Buffers, checkLaunch, type LaunchSizes } from '../backend/interpreter/launch.ts';
import { checkArguments } from '../base/arguments.ts';
import type { TypedArray } from '../base/dtype.ts';
import { defined } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { own } from '../base/own.ts';
import { assertKernel } from '../kernel/check.ts';
import type { Kernel } from '../kernel/ir.ts';
import { kernelKind } from '../kernel/kinds.ts';
import { type Device, deviceKind, type Location } from './device.ts';
import { align } from './memoryPlan.ts';

/**
 * Runs one kernel once, without a graph, and gives what the buffers hold then that it does not only read:
 *
 *     const { y } = await launch(device, twice, { grid: [2], scalars: { count: 300 } }, { x, y: new Float32Array(300) });
 *
 * Arrays are as `interpretKernel` takes them, and stay as they are. That addresses lie inside them is for the kernel's author to see
 * to: `simulate` tells.
 * @throws FROND-K… for a kernel that breaks the rules of the language, FROND-K030 for a grid, scalars or arrays that are not those of
 *   the kernel, FROND-R… as the device does
 */
export async function launch(
  device: Device,
  kernel: Kernel,
  sizes: LaunchSizes,
  arrays: Buffers,
): Promise<Record<string, TypedArray>> {
  const kinds = { device: deviceKind, kernel: kernelKind, sizes: is.unchecked, arrays: is.unchecked };
  checkArguments('launch', kinds, [device, kernel, sizes, arrays], 'FROND-R023');
  assertKernel(kernel);
  checkLaunch(kernel, sizes, arrays, device.precision);
  const places = Object.fromEntries(kernel.buffers.map(({ name }) => [name, { memory: name, tensor: name }]));
  await device.prepare([{ kernel, places }]);
  const buffers: Record<string, Location> = {};
  try {
    for (const { name, dtype } of kernel.buffers) {
      const data = defined(own(arrays, name), `array ${name}`);
      const memory = await device.allocate(align(data.length));
      buffers[name] = { memory, offset: 0, length: data.length, dtype };
      await device.write(buffers[name], data);
    }
    const { grid, scalars } = sizes;
    const program = await device.bind(grid.includes(0) ? [] : [{ kernel, grid, scalars, buffers }]);
    await program.run();
    const written = kernel.buffers.filter(({ access }) => access !== 'read');
    const results = await Promise.all(
      written.map(async ({ name }) => [name, await device.read(defined(own(buffers, name), name))] as const),
    );
    program.free?.();
    return Object.fromEntries(results);
  } finally {
    for (const { memory } of Object.values(buffers)) device.free(memory);
  }
}
