import { FrondError } from '../../base/errors.ts';
import { assertKernel } from '../../kernel/check.ts';
import { valuesOf } from '../../kernel/checkWalk.ts';
import type { Kernel } from '../../kernel/ir.ts';
import { type Analysis, analyse } from './analysis.ts';
import { bindBuffers } from './arenas.ts';
import { functionsText } from './functions.ts';
import { freeName } from './names.ts';
import { spanNames } from './nouns.ts';
import {
  DEFAULT_LIMITS,
  type WgslBinding,
  type WgslLimits,
  type WgslModule,
  type WgslOptions,
  type WgslUniform,
} from './options.ts';
import { findControlling, makePrinter, type Printer, storagePlaces } from './printer.ts';
import { printRegion } from './statements.ts';

const limitError = (
  kernel: Kernel,
  code: 'FROND-K201' | 'FROND-K202' | 'FROND-K203',
  what: string,
  hint: string,
): FrondError =>
  new FrondError(code, `kernel ${kernel.name} (${kernel.variant || 'only variant'}): ${what}`, { hint });

const powerAtMost = (limit: number, size: number): number =>
  2 ** Math.floor(Math.log2(Math.max(1, Math.min(limit, size))));

/** Threads per dimension: what the schedule says, else as many as the tiles can use. */
function threadsOf(kernel: Kernel, { placement }: Analysis, limits: WgslLimits): { x: number; y: number } {
  const [x, y] = kernel.schedule.workgroup ?? [];
  if (x !== undefined && y !== undefined) {
    if (x * y > limits.invocations) {
      throw limitError(
        kernel,
        'FROND-K203',
        `a workgroup of ${x} × ${y} threads is over the limit of ${limits.invocations}`,
        'give the schedule a smaller workgroup',
      );
    }
    return { x, y };
  }
  const longest = (dimension: 'x' | 'y'): number =>
    kernel.axes
      .filter((axis) => placement.dimensionOf.get(axis) === dimension)
      .reduce((size, axis) => Math.max(size, axis.size), 1);
  const rows = powerAtMost(16, longest('y'));
  return { x: powerAtMost(limits.invocations / rows, longest('x')), y: rows };
}

function globalNames(kernel: Kernel, bindings: readonly WgslBinding[]): Map<string, string> {
  const globals = new Map<string, string>();
  const taken = new Set<string>();
  for (const { name } of [...bindings, ...kernel.parameters]) {
    const free = freeName(name, (candidate) => taken.has(candidate));
    taken.add(free);
    globals.set(name, free);
  }
  return globals;
}

function uniformsOf(kernel: Kernel, bindings: readonly WgslBinding[]): WgslUniform[] {
  const fields: Omit<WgslUniform, 'offset'>[] = [];
  for (let dimension = 0; dimension < kernel.gridRank; dimension++) {
    fields.push({ name: `grid_${dimension}`, dtype: 'i32' });
  }
  for (const { name, dtype } of kernel.parameters) {
    fields.push({ name, dtype: dtype === 'bool' ? 'u32' : dtype });
  }
  for (const { buffers } of bindings) {
    if (buffers.length > 1) for (const name of buffers) fields.push({ name: `${name}_base`, dtype: 'i32' });
  }
  return fields.map((field, i) => ({ ...field, offset: i * 4 }));
}

function bindingsOf(kernel: Kernel, options: WgslOptions, limits: WgslLimits): WgslBinding[] {
  const bindings = bindBuffers(kernel, options.arenas ?? {}, options.readWrite);
  if (bindings.length > limits.storageBuffers) {
    throw limitError(
      kernel,
      'FROND-K202',
      `${bindings.length} storage bindings are over the limit of ${limits.storageBuffers}`,
      'bind buffers that are used alike in one arena (arenasFor), or split the kernel into two launches',
    );
  }
  const half = kernel.buffers.find(({ dtype }) => dtype === 'f16');
  if (half && !options.shaderF16) {
    throw limitError(
      kernel,
      'FROND-K202',
      `buffer ${half.name} holds f16, which this device cannot bind`,
      'request the feature shader-f16, or store f32',
    );
  }
  return bindings;
}

/** This program's index along each grid dimension in use, from a grid of workgroups folded into one line. */
function programLines(kernel: Kernel, used: ReadonlySet<number>): string[] {
  const extents = Array.from({ length: kernel.gridRank }, (_, i) => `launch.grid_${i}`);
  const lines = [
    'let program = i32(group.x + group.y * groups.x);',
    `if (program >= ${extents.join(' * ')}) { return; }`,
  ];
  extents.forEach((extent, i) => {
    if (!used.has(i)) return;
    const above = extents.slice(0, i);
    const quotient =
      above.length === 0
        ? 'program'
        : above.length === 1
          ? `program / ${above[0]}`
          : `program / (${above.join(' * ')})`;
    const last = i === extents.length - 1;
    lines.push(
      `let program_${i} = ${last ? quotient : `${above.length === 0 ? quotient : `(${quotient})`} % ${extent}`};`,
    );
  });
  return lines;
}

/** The body of `main`, and the printer with what it asked for on the way. */
function printBody(parts: Parameters<typeof makePrinter>[0], overlay: boolean): Printer {
  const p = makePrinter(parts, overlay);
  const used = new Set<number>();
  for (const { statement } of parts.analysis.steps) {
    if (
      statement.kind === 'let' &&
      statement.value.op === 'program' &&
      parts.analysis.live.has(statement.value)
    ) {
      used.add(statement.value.dimension);
    }
  }
  for (const name of ['program', 'program_0', 'program_1', 'program_2', 'program_3'])
    p.writer.innermost.names.add(name);
  for (const line of programLines(parts.kernel, used)) p.writer.line(line);
  p.writer.line('let tx = i32(local.x);');
  p.writer.line('let ty = i32(local.y);');
  p.writer.line(`let lane = ty * ${parts.threads.x} + tx;`);
  p.writer.line('');
  printRegion(p, parts.kernel.body);
  return p;
}

function headerText(kernel: Kernel, threads: { x: number; y: number }): string {
  const tiles = Object.entries(kernel.schedule.tiles).map(([axis, size]) => `${axis} ${size}`);
  const buffers = kernel.buffers.map(({ name, dtype, access }) => `${name} (${access} ${dtype})`);
  const variant = kernel.variant === '' ? '' : ` [${kernel.variant}]`;
  return [
    `// ${kernel.name}${variant}: ${kernel.doc}`,
    `// tiles: ${tiles.join(', ') || 'none'}; workgroup: ${threads.x} × ${threads.y} threads`,
    `// buffers: ${buffers.join(', ')}`,
  ].join('\n');
}

function declarationsText(
  p: Printer,
  uniforms: readonly WgslUniform[],
  bindings: readonly WgslBinding[],
): string {
  const { globals } = p;
  const fields = uniforms.map(({ name, dtype }) => `  ${globals.get(name) ?? name}: ${dtype},`);
  const storage = bindings.map(
    ({ name, dtype, group, binding, access }) =>
      `@group(${group}) @binding(${binding}) var<storage, ${access}> ${globals.get(name) ?? name}: array<${dtype}>;`,
  );
  const shared = p.memory.arrays.map(({ name, dtype, length }) =>
    length === 0
      ? `var<workgroup> ${name}: ${dtype};`
      : `var<workgroup> ${name}: array<${dtype}, ${length}>;`,
  );
  return [
    'struct Launch {',
    ...fields,
    '}',
    '@group(0) @binding(0) var<uniform> launch: Launch;',
    ...storage,
    ...shared,
  ].join('\n');
}

/**
 * Spells a kernel as a WGSL module.
 * @throws FROND-K1… when the kernel is illegal; FROND-K201 when it needs more workgroup memory than `limits` allow,
 * FROND-K202 when it needs more or other buffers, FROND-K203 when its workgroup has too many threads.
 */
export function printWgsl(kernel: Kernel, options: WgslOptions = {}): WgslModule {
  assertKernel(kernel);
  const limits = options.limits ?? DEFAULT_LIMITS;
  const bindings = bindingsOf(kernel, options, limits);
  const uniforms = uniformsOf(kernel, bindings);
  const analysis = analyse(kernel);
  const threads = threadsOf(kernel, analysis, limits);
  const parts = {
    kernel,
    options,
    analysis,
    threads,
    storage: storagePlaces(bindings),
    controlling: findControlling(analysis.steps),
    globals: globalNames(kernel, bindings),
    spanNames: spanNames(valuesOf(analysis.steps)),
  };
  let p = printBody(parts, false);
  if (p.memory.bytes > limits.workgroupBytes) p = printBody(parts, true);
  if (p.memory.bytes > limits.workgroupBytes) {
    const arrays = p.memory.arrays.map(({ name, length }) => `${name} ${Math.max(1, length) * 4}`);
    throw limitError(
      kernel,
      'FROND-K201',
      `${p.memory.bytes} bytes of workgroup memory are over the limit of ${limits.workgroupBytes} (${arrays.join(', ')})`,
      'give the schedule smaller tiles or a smaller stage',
    );
  }
  const half = kernel.buffers.some(({ dtype }) => dtype === 'f16');
  const code = `\
${half ? 'enable f16;\n' : ''}${headerText(kernel, threads)}
${declarationsText(p, uniforms, bindings)}

${functionsText(p.helpers, options.transcendentals === 'builtin')}\
@compute @workgroup_size(${threads.x}, ${threads.y})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
) {
${p.writer.text
  .split('\n')
  .map((line) => (line === '' ? '' : `  ${line}`))
  .join('\n')}
}
`;
  return {
    kernel: kernel.name,
    code,
    bindings,
    uniforms,
    uniformBytes: Math.ceil((uniforms.length * 4) / 16) * 16,
    workgroup: [threads.x, threads.y],
    workgroupBytes: p.memory.bytes,
  };
}
