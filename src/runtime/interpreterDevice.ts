import { type InterpretedKernel, interpretKernel } from '../backend/interpreter/index.ts';
import { checkOptions } from '../base/arguments.ts';
import { arrayTypeOf, type Precision, type TypedArray } from '../base/dtype.ts';
import { defined, FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { own, remembered } from '../base/own.ts';
import { storedAs } from '../kernel/elementwise.ts';
import type { Kernel } from '../kernel/ir.ts';
import type { Device, Location, Memory } from './device.ts';
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

  const compiled = (kernel: Kernel): InterpretedKernel =>
    remembered(kernels, kernel, () => interpretKernel(kernel, precision));

  const view = ({ memory, offset, length, dtype }: Location): TypedArray => {
    const View = arrayTypeOf(dtype, precision);
    return new View((memory as HostMemory).bytes, offset * wordBytes, length);
  };

  return withLifetime({
    name: 'interpreter',
    precision,
    async allocate(words) {
      try {
        return { words, bytes: new ArrayBuffer(words * wordBytes) } satisfies HostMemory;
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
    bind(commands) {
      const launches = commands.map((command) => {
        const { kernel } = command;
        const interpreted = compiled(kernel);
        const views = kernel.buffers.map(({ name }) => {
          const place = defined(own(command.buffers, name), `buffer ${name} of kernel ${kernel.name}`);
          return [name, view(place)] as const;
        });
        const buffers = Object.fromEntries(views);
        return { kernel, run: () => interpreted.run(command, buffers) };
      });
      return {
        async run() {
          for (const launch of launches) launch.run();
        },
        async profile() {
          return launches.map(({ kernel: { name, variant }, run }) => {
            const begin = performance.now();
            run();
            return { kernel: name, variant, milliseconds: performance.now() - begin };
          });
        },
      };
    },
    async close() {
      kernels.clear();
    },
  });
}
