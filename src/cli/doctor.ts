import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import pc from 'picocolors';
import { hasRelaxedSimd, hasSimd } from '../backend/wasm/index.ts';
import { codeOf } from '../platform/node/failure.ts';
import { printLine, version } from './io.ts';

/** One thing that this machine may or may not have. */
export interface Finding {
  readonly what: string;
  readonly state: 'yes' | 'no' | 'partly';
  readonly detail: string;
  /** what to do to get it */
  readonly hint?: string | undefined;
}

/** What is there, or is not and can be had by `hint`. */
export const finding = (what: string, isThere: boolean, detail: string, hint?: string): Finding =>
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

/** What is asked for in a process of its own, with what to do where it is not there. */
export const HINTS = {
  'WebGPU adapter': 'npm install webgpu',
  'gpu.js': 'npm install gpu.js',
  'device webgpu': 'npm install webgpu',
  'device wasm': 'use another device',
} as const;

/** What probe.ts finds of these: what it asks may print, hang on, or end the process. */
function probe(): readonly Finding[] {
  const script = fileURLToPath(new URL('./probe.js', import.meta.url));
  const asked = spawnSync(process.execPath, [script], { encoding: 'utf8', timeout: 20_000 });
  // a process that the system refuses has no output at all, against what the types say
  const stdout = asked.stdout || '';
  const signal = asked.signal ?? codeOf(asked.error);
  // a library's own lines may begin with a bracket
  const at = stdout.lastIndexOf('\n[{') + 1;
  if (stdout.startsWith('[{', at)) return JSON.parse(stdout.slice(at)) as Finding[];
  const detail = `asking for it ended the process${signal ? ` (${signal})` : ''}`;
  return Object.entries(HINTS).map(([what, hint]) => finding(what, false, detail, hint));
}

/** Looks at the machine: what frond can run here, and why not more. */
function diagnose(): readonly Finding[] {
  const interpreter = finding('device interpreter', true, 'typed arrays, one thread; works everywhere');
  const findings = [...machine(), ...probe(), interpreter];
  // devices stand in the order in which one is chosen
  const used = findings.find(({ what, state }) => what.startsWith('device ') && state === 'yes');
  return findings.map((each) =>
    each === used ? { ...each, detail: `${each.detail}; used by default` } : each,
  );
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
