import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import pc from 'picocolors';
import { webAssembly } from '../base/webAssembly.ts';

/** One thing that this machine may or may not have. */
export interface Finding {
  readonly what: string;
  readonly state: 'yes' | 'no' | 'partly';
  readonly detail: string;
  /** what to do to get it */
  readonly hint?: string;
}

// (module (func (result v128) i32.const 0 i8x16.splat)): valid where 128-bit SIMD is
const SIMD = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11,
];
// the same with f32x4.relaxed_madd
const RELAXED = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 20, 1, 18, 0, 65, 0, 253, 15, 65, 0,
  253, 15, 65, 0, 253, 15, 253, 133, 2, 11,
];

const reason = (cause: unknown): string =>
  cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);

function node(): Finding {
  const major = Number(process.versions.node.split('.')[0]);
  const detail = `${process.version} on ${process.platform} ${process.arch}`;
  return major >= 20
    ? { what: 'Node 20 or newer', state: 'yes', detail }
    : { what: 'Node 20 or newer', state: 'no', detail, hint: 'install Node 20 or newer' };
}

function machine(): Finding {
  const model = cpus()[0]?.model ?? 'unknown processor';
  const memory = (totalmem() / 2 ** 30).toFixed(0);
  return {
    what: 'processor',
    state: 'yes',
    detail: `${model}, ${availableParallelism()} cores, ${memory} GiB`,
  };
}

function simd(): Finding {
  const works = webAssembly()?.validate(Uint8Array.from(SIMD)) ?? false;
  const relaxed = webAssembly()?.validate(Uint8Array.from(RELAXED)) ?? false;
  const detail = works ? `128-bit${relaxed ? ', relaxed' : ''}` : 'this engine has none';
  return {
    what: 'WebAssembly SIMD',
    state: works ? 'yes' : 'no',
    detail,
    ...(works ? {} : { hint: 'update Node' }),
  };
}

async function webgpu(): Promise<Finding> {
  const what = 'WebGPU adapter';
  try {
    const { create } = await import('webgpu');
    const gpu = create([]);
    const adapter = await gpu.requestAdapter();
    if (adapter === null) {
      return {
        what,
        state: 'partly',
        detail: 'the package `webgpu` works, no adapter was found (kernels can be checked, not run)',
        hint: 'install a Vulkan driver for your GPU, or a software one such as Mesa lavapipe 24 or newer',
      };
    }
    const { vendor, architecture, device, description } = adapter.info;
    const features = [...adapter.features].filter((name) => /f16|subgroups|timestamp/.test(name)).join(', ');
    const limit = adapter.limits.maxStorageBufferBindingSize / 2 ** 20;
    const name = [vendor, architecture, device, description].filter((part) => part !== '').join(' ');
    return {
      what,
      state: 'yes',
      detail: `${name}; ${features || 'no optional features'}; bindings up to ${limit} MiB`,
    };
  } catch (cause) {
    return { what, state: 'no', detail: reason(cause), hint: 'npm install webgpu' };
  }
}

async function gpuJs(): Promise<Finding> {
  try {
    await import('gpu.js');
    return { what: 'gpu.js kernels', state: 'yes', detail: 'the package is installed' };
  } catch (cause) {
    return { what: 'gpu.js kernels', state: 'no', detail: reason(cause), hint: 'npm install gpu.js' };
  }
}

/** Devices on which frond can train and predict here, the preferred one first, and why not the others. */
function devices(): Finding[] {
  return [
    { what: 'device interpreter', state: 'yes', detail: 'typed arrays, one core; used by default' },
    {
      what: 'device wasm',
      state: 'no',
      detail: 'kernels compile to SIMD, the device that runs whole steps is not in this version',
    },
    {
      what: 'device webgpu',
      state: 'no',
      detail: 'kernels compile to WGSL, the device that runs whole steps is not in this version',
    },
  ];
}

/** Looks at the machine: what frond can run here, and why not more. */
export async function diagnose(): Promise<readonly Finding[]> {
  return [node(), machine(), simd(), await webgpu(), await gpuJs(), ...devices()];
}

const MARK = { yes: pc.green('✓'), partly: pc.yellow('~'), no: pc.red('✗') } as const;

/** `frond doctor` */
export async function doctor(): Promise<void> {
  const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  process.stdout.write(`frond ${version}\n`);
  for (const { what, state, detail, hint } of await diagnose()) {
    process.stdout.write(`${MARK[state]} ${what.padEnd(20)} ${detail}\n`);
    if (hint !== undefined) process.stdout.write(`  ${pc.dim(`→ ${hint}`)}\n`);
  }
}
