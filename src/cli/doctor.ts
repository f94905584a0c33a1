import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import pc from 'picocolors';
import { chooseThreads } from '../runtime/wasm/threads.ts';
import { hasRelaxedSimd, hasSimd } from '../target/wasm/index.ts';
import type { Probed } from './probe.ts';

/** One thing that this machine may or may not have. */
export interface Finding {
  readonly what: string;
  readonly state: 'yes' | 'no' | 'partly';
  readonly detail: string;
  /** what to do to get it */
  readonly hint?: string;
}

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
  const works = hasSimd();
  const relaxed = hasRelaxedSimd();
  const detail = works ? `128-bit${relaxed ? ', relaxed' : ''}` : 'this engine has none';
  return {
    what: 'WebAssembly SIMD',
    state: works ? 'yes' : 'no',
    detail,
    ...(works ? {} : { hint: 'update Node' }),
  };
}

/** What the optional GPU packages say, asked in a process of their own: they may print, hang on, or end it. */
function gpuPackages(): Finding[] {
  const script = fileURLToPath(new URL('./probe.js', import.meta.url));
  const { stdout, signal } = spawnSync(process.execPath, [script], { encoding: 'utf8', timeout: 20_000 });
  const failed = {
    state: 'no',
    detail: `asking for it ended the process${signal ? ` (${signal})` : ''}`,
  } as const;
  const { webgpu, gpuJs }: Probed = stdout.startsWith('{')
    ? (JSON.parse(stdout) as Probed)
    : { webgpu: failed, gpuJs: failed };
  const hints = {
    yes: {},
    partly: { hint: 'install a Vulkan driver for your GPU, or a software one such as Mesa lavapipe' },
    no: { hint: 'npm install webgpu' },
  } as const;
  return [
    { what: 'WebGPU adapter', ...webgpu, ...hints[webgpu.state] },
    { what: 'gpu.js', ...gpuJs, ...(gpuJs.state === 'yes' ? {} : { hint: 'npm install gpu.js' }) },
  ];
}

/** Devices on which frond can train and predict here, the preferred one first, and why not the others. */
function devices(): Finding[] {
  return [
    hasSimd()
      ? { what: 'device wasm', state: 'yes', detail: `generated SIMD code, ${chooseThreads(undefined).note}` }
      : { what: 'device wasm', state: 'no', detail: 'needs WebAssembly SIMD', hint: 'update Node' },
    { what: 'device interpreter', state: 'yes', detail: 'typed arrays, one thread; works everywhere' },
    {
      what: 'device webgpu',
      state: 'no',
      detail: 'kernels compile to WGSL, the device that runs whole steps is not in this version',
    },
  ];
}

/** Looks at the machine: what frond can run here, and why not more. */
export function diagnose(): readonly Finding[] {
  return [node(), machine(), simd(), ...gpuPackages(), ...devices()];
}

const MARK = { yes: pc.green('✓'), partly: pc.yellow('~'), no: pc.red('✗') } as const;

/** `frond doctor` */
export function doctor(version: string): void {
  process.stdout.write(`frond ${version}\n`);
  for (const { what, state, detail, hint } of diagnose()) {
    process.stdout.write(`${MARK[state]} ${what.padEnd(20)} ${detail}\n`);
    if (hint !== undefined) process.stdout.write(`  ${pc.dim(`→ ${hint}`)}\n`);
  }
}
