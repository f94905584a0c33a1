import { checkArguments, checkOptions } from '../../base/arguments.ts';
import { FrondError } from '../../base/errors.ts';
import {
  count,
  flag,
  names,
  objectOf,
  oneOf,
  optional,
  recordOf,
  text,
  unchecked,
  withFields,
} from '../../base/kinds.ts';
import { assertKernel } from '../../kernel/check.ts';
import { valuesOf } from '../../kernel/flow.ts';
import type { Kernel } from '../../kernel/ir.ts';
import { kernelKind } from '../../kernel/kinds.ts';
import { type Analysis, analyse } from './analysis.ts';
import { bindBuffers } from './arenas.ts';
import { functionsText } from './functions.ts';
import { headerText } from './header.ts';
import { layOut } from './layout.ts';
import { bytesOf } from './memory.ts';
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
import { findControlling, makePrinter, type Printer, typeOf } from './printer.ts';
import { printRegion } from './statements.ts';
import { storagePlaces } from './storage.ts';
import { hasProduct, type Threads, threadsFor } from './threads.ts';
import { findVectorAccesses, spreadAxes, vectorBuffers } from './vectors.ts';

const OPTIONS = {
  // a device's limits say more
  limits: optional(
    withFields('limits', { storageBuffers: count, workgroupBytes: count, invocations: count }),
  ),
  ...{ shaderF16: optional(flag), unroll: optional(flag) },
  transcendentals: optional(oneOf('polynomial', 'builtin')),
  multiplesOf4: optional(names),
  subgroups: optional(recordOf('sizes of subgroups', { min: count, max: count })),
  ...{ arenas: optional(objectOf(text, 'names of arenas by buffer')), readWrite: optional(names) },
};

const limitError = (
  kernel: Kernel,
  code: 'FROND-K201' | 'FROND-K202' | 'FROND-K203',
  what: string,
  hint: string,
): FrondError =>
  new FrondError(code, `kernel ${kernel.name} (${kernel.variant || 'only variant'}): ${what}`, { hint });

/** Threads per dimension: what the schedule says, else what suits the tiles. */
function threadsOf(kernel: Kernel, analysis: Analysis, limits: WgslLimits): Threads {
  const [x, y] = kernel.schedule.workgroup ?? [];
  if (x === undefined || y === undefined) return threadsFor(kernel, analysis, limits);
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
  const halves = new Set(kernel.buffers.filter(({ dtype }) => dtype === 'f16').map(({ name }) => name));
  const half = kernel.buffers.find(({ dtype }) => dtype === 'f16');
  if (half && !options.shaderF16) {
    throw limitError(
      kernel,
      'FROND-K202',
      `buffer ${half.name} holds f16, which this device cannot bind`,
      'request the feature shader-f16, or store f32',
    );
  }
  const mixed = bindings.find(
    ({ dtype, buffers }) => dtype !== 'f16' && buffers.some((name) => halves.has(name)),
  );
  if (mixed) {
    throw limitError(
      kernel,
      'FROND-K202',
      `binding ${mixed.name} joins buffers of f16 with others`,
      'give f16 a binding of its own, or store f32',
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

type Parts = Parameters<typeof makePrinter>[0];

/** The body of `main`, and the printer with what it asked for on the way. */
function printBody(parts: Parts): Printer {
  const p = makePrinter(parts);
  for (const name of ['program', 'program_0', 'program_1', 'program_2', 'program_3'])
    p.writer.innermost.names.add(name);
  printRegion(p, parts.kernel.body);
  return p;
}

/** Which grid dimensions the kernel asks for. */
const dimensionsUsed = ({ analysis }: Parts): Set<number> =>
  new Set(
    analysis.steps.flatMap(({ statement }) =>
      statement.kind === 'let' && statement.value.op === 'program' && analysis.live.has(statement.value)
        ? [statement.value.dimension]
        : [],
    ),
  );

/** How threads are numbered: as the workgroup lays them out, or by subgroup where parts are exchanged inside one. */
function threadLines({ threads: { x }, subgroupsUsed }: Printer): string[] {
  if (subgroupsUsed.size === 0)
    return ['let tx = i32(local.x);', 'let ty = i32(local.y);', `let lane = ty * ${x} + tx;`];
  return [
    'let lane = i32(subgroup * subgroup_size + subgroup_lane);',
    `let tx = lane % ${x};`,
    `let ty = lane / ${x};`,
  ];
}

function declarationsText(
  p: Printer,
  uniforms: readonly WgslUniform[],
  bindings: readonly WgslBinding[],
): string {
  const { globals } = p;
  const fields = uniforms.map(({ name, dtype }) => `  ${globals.get(name) ?? name}: ${dtype},`);
  const storage = bindings.map(
    ({ name, dtype, lanes, group, binding, access }) =>
      `@group(${group}) @binding(${binding}) var<storage, ${access}> ${globals.get(name) ?? name}: array<${typeOf(dtype, lanes)}>;`,
  );
  const shared = p.memory.arrays.map(({ name, dtype, lanes, length }) =>
    length === 0
      ? `var<workgroup> ${name}: ${dtype};`
      : `var<workgroup> ${name}: array<${typeOf(dtype, lanes)}, ${length}>;`,
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
 * Depth of a chunk of a product: what the schedule says; at most 8 where text is rolled, which SwiftShader compiles in less than
 * half the time (0.3 s in place of 0.7 s for a product) and runs as fast.
 */
const stageOf = ({ schedule: { stage = 16 } }: Kernel, { unroll }: WgslOptions): number =>
  unroll ? stage : Math.min(8, stage);

/** Everything that is decided before the first line is written. */
function decide(
  kernel: Kernel,
  options: WgslOptions,
  limits: WgslLimits,
  bindings: readonly WgslBinding[],
): Parts {
  const analysis = analyse(kernel);
  const threads = threadsOf(kernel, analysis, limits);
  const storage = storagePlaces(bindings);
  const accesses = findVectorAccesses(analysis, options.multiplesOf4 ?? [], storage);
  const layouts = layOut(analysis, kernel.axes, threads, spreadAxes(analysis, accesses));
  return {
    ...{ kernel, options, analysis, threads, accesses, layouts, storage },
    vectors: vectorBuffers(analysis, accesses, layouts),
    stage: stageOf(kernel, options),
    // rolled text with fewer meetings compiles slower on software Vulkan
    partBytes: options.unroll && !hasProduct(analysis) ? 8192 : 4096,
    controlling: findControlling(analysis.steps),
    globals: globalNames(kernel, bindings),
    spanNames: spanNames(valuesOf(analysis.steps)),
  };
}

/** Prints with the schedule's stage, or where that takes too much workgroup memory, with the largest half that fits. */
function printWithin(parts: Parts, limits: WgslLimits): Printer {
  const whole = printBody(parts);
  let p = whole;
  for (let stage = parts.stage; p.memory.bytes > limits.workgroupBytes && stage > 4; ) {
    stage = Math.max(4, stage / 2 - ((stage / 2) % 4));
    p = printBody({ ...parts, stage });
  }
  if (p.memory.bytes > limits.workgroupBytes) {
    const arrays = p.memory.arrays.map((array) => `${array.name} ${bytesOf(array)}`);
    throw limitError(
      parts.kernel,
      'FROND-K201',
      `${p.memory.bytes} bytes of workgroup memory are over the limit of ${limits.workgroupBytes} (${arrays.join(', ')})`,
      'give the schedule smaller tiles',
    );
  }
  return p;
}

const indented = (lines: readonly string[]): string =>
  lines.map((line) => (line === '' ? '' : `  ${line}`)).join('\n');

/** The entry point. */
function mainText(p: Printer, parts: Parts): string {
  const { x, y } = p.threads;
  const inputs = [
    '@builtin(workgroup_id) group: vec3<u32>',
    '@builtin(num_workgroups) groups: vec3<u32>',
    ...(p.subgroupsUsed.size === 0
      ? ['@builtin(local_invocation_id) local: vec3<u32>']
      : [
          '@builtin(subgroup_id) subgroup: u32',
          '@builtin(subgroup_invocation_id) subgroup_lane: u32',
          '@builtin(subgroup_size) subgroup_size: u32',
        ]),
  ];
  const lines = [
    ...programLines(p.kernel, dimensionsUsed(parts)),
    ...threadLines(p),
    '',
    ...p.writer.text.split('\n'),
  ];
  return `@compute @workgroup_size(${x}, ${y})\nfn main(\n${indented(inputs.map((input) => `${input},`))}\n) {\n${indented(lines)}\n}\n`;
}

/**
 * Spells a kernel as a WGSL module.
 * @throws FROND-K1… when the kernel is illegal; FROND-K201 when it needs more workgroup memory than `limits` allow,
 * FROND-K202 when it needs more or other buffers, FROND-K203 when its workgroup has too many threads.
 */
export function printWgsl(kernel: Kernel, options: WgslOptions = {}): WgslModule {
  checkArguments('printWgsl', { kernel: kernelKind, options: unchecked }, [kernel, options]);
  checkOptions('printWgsl', options, OPTIONS);
  assertKernel(kernel);
  const limits = options.limits ?? DEFAULT_LIMITS;
  const separate = bindingsOf(kernel, options, limits);
  const uniforms = uniformsOf(kernel, separate);
  const parts = decide(kernel, options, limits, separate);
  const p = printWithin(parts, limits);
  const wide = new Set([...parts.vectors].map(({ name }) => name));
  const bindings = separate.map((binding) =>
    wide.has(binding.buffers[0] ?? '') ? { ...binding, lanes: 4 as const } : binding,
  );
  const enabled = [
    ...(kernel.buffers.some(({ dtype }) => dtype === 'f16') ? ['enable f16;'] : []),
    ...(p.subgroupsUsed.size > 0 ? ['enable subgroups;'] : []),
  ];
  const code = `\
${enabled.map((line) => `${line}\n`).join('')}${headerText(p)}
${declarationsText(p, uniforms, bindings)}

${functionsText(p.helpers, options.transcendentals === 'builtin')}${mainText(p, parts)}`;
  return {
    kernel: kernel.name,
    code,
    bindings,
    uniforms,
    uniformBytes: Math.ceil((uniforms.length * 4) / 16) * 16,
    workgroup: [parts.threads.x, parts.threads.y],
    workgroupBytes: p.memory.bytes,
  };
}
