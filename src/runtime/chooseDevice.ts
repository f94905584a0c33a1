import { checkOptions, shownName } from '../base/arguments.ts';
import { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { GraphBuilder } from '../ir/builder.ts';
import { ops } from '../ops/index.ts';
import { compile } from './compile.ts';
import type { Device, DeviceName } from './device.ts';
import { interpreterDevice } from './interpreterDevice.ts';
import { type WasmDevice, type WasmOptions, wasmDevice, wasmOptions } from './wasm/device.ts';
import { describeAdapter, findAdapter } from './webgpu/adapter.ts';
import { type WebgpuDevice, type WebgpuOptions, webgpuDevice, webgpuOptions } from './webgpu/webgpuDevice.ts';

export interface ChosenDevice {
  readonly device: Device;
  /** why this one, in a few words: nothing is chosen silently */
  readonly reason: string;
}

const chooseOptions = {
  /** for the device webgpu */
  webgpu: is.omittable(is.typed<WebgpuOptions>(is.object)),
  /** for the device wasm */
  wasm: is.omittable(is.typed<WasmOptions>(is.object)),
};
export type ChooseOptions = is.OptionsOf<typeof chooseOptions>;

/** Devices that run whole steps, the preferred one first. */
export const deviceNames: readonly DeviceName[] = ['webgpu', 'wasm', 'interpreter'];

/** Says which GPU it is. */
async function onGpu(why: string, open: () => Promise<WebgpuDevice>): Promise<ChosenDevice> {
  const device = await open();
  const { name, software } = device.adapter;
  return { device, reason: `${why}${name}${software ? ': no GPU but a program, far slower than wasm' : ''}` };
}

/** Why no GPU is used; undefined where there is one. */
async function whyNoGpu(webgpu: WebgpuOptions | undefined): Promise<string | undefined> {
  const search = await findAdapter(webgpu?.gpu as GPU | undefined);
  if (search.adapter === undefined) return search.reason;
  const { name, software } = describeAdapter(search.adapter);
  return software ? `the only GPU is a program, ${name}` : undefined;
}

/** The fastest device that computes something here, and why not a faster one. */
async function best({ webgpu, wasm }: ChooseOptions): Promise<ChosenDevice> {
  const why = 'the fastest device that works here';
  const noGpu = await whyNoGpu(webgpu);
  const refused = noGpu === undefined ? [] : [noGpu];
  const onThreads = () => onWasm(why, () => openTried(() => wasmDevice(wasm)));
  const first = () => onGpu(`${why}: `, () => openTried(() => webgpuDevice(webgpu)));
  for (const open of noGpu === undefined ? [first, onThreads] : [onThreads]) {
    try {
      const { device, reason } = await open();
      return { device, reason: [reason, ...refused].join('; ') };
    } catch (cause) {
      if (!(cause instanceof FrondError)) throw cause;
      refused.push(cause.summary);
    }
  }
  return { device: interpreterDevice(), reason: [why, ...refused].join('; ') };
}

/** Says how many threads there are, and why not more. */
async function onWasm(why: string, open: () => WasmDevice | Promise<WasmDevice>): Promise<ChosenDevice> {
  const device = await open();
  return { device, reason: `${why}, ${device.note}` };
}

/** What a name opens. */
const OPENERS = new Map<string, (options: ChooseOptions) => ChosenDevice | Promise<ChosenDevice>>([
  ['auto', best],
  ['webgpu', ({ webgpu }) => onGpu('', () => webgpuDevice(webgpu))],
  ['wasm', ({ wasm }) => onWasm('asked for', () => wasmDevice(wasm))],
  ['interpreter', () => ({ device: interpreterDevice(), reason: 'asked for' })],
]);

/**
 * Opens a device by name; `auto` takes the fastest one that computes something here and says why: a GPU, unless it is a program that
 * plays one, else WebAssembly, else the interpreter.
 * @throws FROND-R020 where the device asked for cannot be run, FROND-R021 for an unknown name
 */
export async function chooseDevice(name: string, options: ChooseOptions = {}): Promise<ChosenDevice> {
  checkOptions('chooseDevice', options, chooseOptions);
  checkOptions('chooseDevice', options.webgpu ?? {}, webgpuOptions);
  checkOptions('chooseDevice', options.wasm ?? {}, wasmOptions);
  const open = OPENERS.get(name);
  if (open !== undefined) return open(options);
  throw new FrondError('FROND-R021', `there is no device ${shownName(name)}`, {
    hint: `choose one of: ${[...OPENERS.keys()].join(', ')}`,
  });
}

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
    const wrong = `the device ${device.name} computes ${sum?.data[0]} where 30 is right`;
    throw new FrondError('FROND-R035', wrong, {
      hint: 'update its driver or the engine, or use another device',
    });
  } catch (cause) {
    await device.close().catch(() => undefined);
    throw cause;
  }
}
