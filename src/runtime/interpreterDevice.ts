import { platform } from '#platform';
import { type InterpretedKernel, interpretKernel } from '../backend/interpreter/index.ts';
import { checkOptions } from '../base/arguments.ts';
import { isFloating, type Precision, type TypedArray } from '../base/dtype.ts';
import { defined, FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { own } from '../base/own.ts';
import { storedAs } from '../kernel/arithmetic.ts';
import type { Kernel } from '../kernel/ir.ts';
import type { BoundProgram, Command, Device, LaunchTime, Location, Memory } from './device.ts';
import { withLifetime } from './lifetime.ts';

interface HostMemory extends Memory {
  readonly bytes: ArrayBuffer;
}

/** The typed-array interpreter as a device. In f64 precision it is the oracle that other devices are compared with. */
export function interpreterDevice(options: { readonly precision?: Precision } = {}): Device {
  checkOptions('interpreterDevice', options, { precision: is.optional(is.oneOf('f32', 'f64')) });
  const precision = options.precision ?? 'f32';
  const wordBytes = precision === 'f64' ? 8 : 4;
  const kernels = new Map<Kernel, InterpretedKernel>();

  const compiled = (kernel: Kernel): InterpretedKernel => {
    const known = kernels.get(kernel) ?? interpretKernel(kernel, precision);
    kernels.set(kernel, known);
    return known;
  };

  const view = ({ memory, offset, length, dtype }: Location): TypedArray => {
    const { bytes } = memory as HostMemory;
    const start = offset * wordBytes;
    if (isFloating(dtype)) {
      return precision === 'f64'
        ? new Float64Array(bytes, start, length)
        : new Float32Array(bytes, start, length);
    }
    return dtype === 'i32' ? new Int32Array(bytes, start, length) : new Uint32Array(bytes, start, length);
  };

  return withLifetime({
    name: 'interpreter',
    precision,
    async allocate(words) {
      try {
        const memory: HostMemory = { words, bytes: new ArrayBuffer(words * wordBytes) };
        return memory;
      } catch (cause) {
        throw new FrondError('FROND-R001', `the interpreter cannot allocate ${words * wordBytes} bytes`, {
          hint: 'use a smaller batch or a smaller model',
          cause,
        });
      }
    },
    free() {},
    async write(location, data) {
      const round = storedAs(location.dtype, precision);
      view(location).set(location.dtype === 'f16' ? Array.from(data, round) : data);
    },
    async read(location) {
      return view(location).slice();
    },
    async prepare(list) {
      for (const { kernel } of list) compiled(kernel);
    },
    bind(commands: readonly Command[]): BoundProgram {
      const launches = commands.map((command) => ({
        of: command.kernel,
        kernel: compiled(command.kernel),
        launch: { grid: command.grid, scalars: command.scalars },
        buffers: Object.fromEntries(
          command.kernel.buffers.map(({ name }) => [
            name,
            view(defined(own(command.buffers, name), `buffer ${name} of kernel ${command.kernel.name}`)),
          ]),
        ),
      }));
      return {
        async run() {
          for (const { kernel, launch, buffers } of launches) kernel.run(launch, buffers);
        },
        async profile() {
          return launches.map(({ kernel, launch, buffers, of: { name, variant } }): LaunchTime => {
            const begin = platform.now();
            kernel.run(launch, buffers);
            return { kernel: name, variant, milliseconds: platform.now() - begin };
          });
        },
      };
    },
    async close() {
      kernels.clear();
    },
  });
}
