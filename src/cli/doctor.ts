import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import pc from 'picocolors';
import { hasRelaxedSimd, hasSimd } from '../backend/wasm/index.ts';
import { codeOf } from '../platform/node/failure.ts';
import { printLine, version } from './io.ts';
import type { AdapterDescription, Probed, Tried } from './probe.ts';

/** One thing that this machine may or may not have. */
export interface Finding {
  readonly what: string;
  readonly state: 'yes' | 'no' | 'partly';
  readonly detail: string;
  /** what to do to get it */
  readonly hint?: string | undefined;
}

/** What is there, or is not and can be had by `hint`. */
const finding = (what: string, isThere: boolean, detail: string, hint?: string): Finding =>
  isThere ? { what, state: 'yes', detail } : { what, state: 'no', detail, hint };

function machine(): Finding[] {
  const { versions, version: nodeVersion, platform, arch } = process;
  const isNew = Number(versions.node.split('.')[0]) >= 20;
  const model = cpus()[0]?.model ?? 'unknown processor';
  const memory = (totalmem() / 2 ** 30).toFixed(0);
  const works = hasSimd();
  const simd = works ? `128-bit${hasRelaxedSimd() ? ', relaxed' : ''}` : 'this engine has none';
  return [
    finding('Node 20 or newer', isNew, `${nodeVersion} on ${platform} ${arch}`, 'install Node 20 or newer'),
    finding('processor', true, `${model}, ${availableParallelism()} cores, ${memory} GiB`),
    finding('WebAssembly SIMD', works, simd, 'update Node'),
  ];
}

/** What the optional GPU packages and the device wasm say, asked in a process of their own: they may print, hang on, or end it. */
function probe(): Probed {
  const script = fileURLToPath(new URL('./probe.js', import.meta.url));
  const asked = spawnSync(process.execPath, [script], { encoding: 'utf8', timeout: 20_000 });
  // a process that the system refuses says nothing at all
  const { stdout, signal } = asked.stdout
    ? asked
    : { stdout: '', signal: asked.signal ?? codeOf(asked.error) };
  const at = stdout.lastIndexOf('\n{') + 1;
  if (stdout.startsWith('{', at)) return JSON.parse(stdout.slice(at)) as Probed;
  const detail = `asking for it ended the process${signal ? ` (${signal})` : ''}`;
  return {
    webgpu: { adapters: [], reason: detail, hint: 'npm install webgpu' },
    gpuJs: { state: 'no', detail },
    wasm: { works: false, detail },
  };
}

const MIB = 2 ** 20;

function describeAdapter({ name, software, features, limits }: AdapterDescription): Finding {
  const optional = features.filter((feature) => /^(shader-f16|subgroups|timestamp-query)$/.test(feature));
  const { storageBuffers, bufferBytes, bindingBytes, workgroupBytes, invocations } = limits;
  const detail = [
    `${name}${software ? ', a program that plays a GPU' : ''}`,
    optional.join(', ') || 'no optional features',
    `${Math.floor(Math.min(bufferBytes, bindingBytes) / MIB)} MiB a buffer, ${storageBuffers} buffers a kernel`,
    `${workgroupBytes / 1024} KiB and ${invocations} threads a workgroup`,
  ].join('; ');
  const hint = 'if there is a GPU in this machine, install its Vulkan driver';
  return {
    what: 'WebGPU adapter',
    detail,
    state: software ? 'partly' : 'yes',
    hint: software ? hint : undefined,
  };
}

function gpuPackages({ webgpu: { adapters, reason, hint }, gpuJs }: Probed): Finding[] {
  return [
    ...(adapters.length === 0
      ? [finding('WebGPU adapter', false, reason, hint)]
      : adapters.map(describeAdapter)),
    finding('gpu.js', gpuJs.state === 'yes', gpuJs.detail, 'npm install gpu.js'),
  ];
}

const tried = (what: string, { works, detail, hint }: Tried, isDefault: boolean): Finding =>
  finding(
    what,
    works,
    `${detail}${works && isDefault ? '; used by default' : ''}`,
    hint || 'use another device',
  );

function webgpu({ webgpu: { adapters, reason, hint }, gpu }: Probed): Finding {
  const what = 'device webgpu';
  if (gpu !== undefined) return tried(what, gpu, true);
  if (adapters.length === 0) return finding(what, false, reason, hint);
  return { what, state: 'partly', detail: 'runs, far slower than wasm: only where it is asked for' };
}

/** Devices on which frond can train and predict here, the preferred one first, and why not the others. */
function devices(probed: Probed): Finding[] {
  const { gpu, wasm } = probed;
  const interpreter = { works: true, detail: 'typed arrays, one thread; works everywhere' };
  return [
    webgpu(probed),
    tried('device wasm', wasm, gpu?.works !== true),
    tried('device interpreter', interpreter, gpu?.works !== true && !wasm.works),
  ];
}

/** Looks at the machine: what frond can run here, and why not more. */
export function diagnose(): readonly Finding[] {
  const probed = probe();
  return [...machine(), ...gpuPackages(probed), ...devices(probed)];
}

const MARK = { yes: pc.green('✓'), partly: pc.yellow('~'), no: pc.red('✗') } as const;

/** `frond doctor` */
export function doctor(): number {
  printLine(`frond ${version()}`);
  for (const { what, state, detail, hint } of diagnose()) {
    printLine(`${MARK[state]} ${what.padEnd(20)} ${detail}`);
    if (hint !== undefined) printLine(`  ${pc.dim(`→ ${hint}`)}`);
  }
  return 0;
}
