import { checkArguments } from '../../base/arguments.ts';
import { assertKernel } from '../../kernel/check.ts';
import type { Kernel } from '../../kernel/ir.ts';
import { kernelKind } from '../../kernel/kinds.ts';
import { functionsText } from './functions.ts';
import { headerText } from './header.ts';
import { limitError, type WgslModule, type WgslOptions, wgslOptions } from './interface.ts';
import { bytesOf } from './memory.ts';
import { type Decisions, decide, makePrinter, type Printer, typeOf } from './printer.ts';
import { printRegion } from './statements.ts';
import { atom, compound, wrap } from './text.ts';

/** This program's index along each grid dimension in use, from a grid of workgroups folded into one line. */
function programLines({ kernel, analysis }: Printer): string[] {
  const extents = Array.from({ length: kernel.gridRank }, (_, i) => `launch.grid_${i}`);
  const indices = extents.map((extent, i) => {
    const above = extents.slice(0, i).join(' * ');
    const index = i === 0 ? atom('program') : compound(`program / ${i > 1 ? `(${above})` : above}`);
    return `let program_${i} = ${i === extents.length - 1 ? index.text : `${wrap(index)} % ${extent}`};`;
  });
  return [
    'let program = i32(group.x + group.y * groups.x);',
    `if (program >= ${extents.join(' * ')}) { return; }`,
    ...indices.filter((_, i) =>
      analysis.values.some((value) => value.op === 'program' && value.dimension === i),
    ),
  ];
}

/** How threads are numbered: as the workgroup lays them out, or by subgroup where parts are exchanged inside one. */
const threadNumbers = ({ threads: { x }, usesSubgroups }: Printer) =>
  usesSubgroups
    ? {
        inputs: [
          '@builtin(subgroup_id) subgroup: u32',
          '@builtin(subgroup_invocation_id) subgroup_lane: u32',
          '@builtin(subgroup_size) subgroup_size: u32',
        ],
        lines: [
          'let lane = i32(subgroup * subgroup_size + subgroup_lane);',
          `let tx = lane % ${x};`,
          `let ty = lane / ${x};`,
        ],
      }
    : {
        inputs: ['@builtin(local_invocation_id) local: vec3<u32>'],
        lines: ['let tx = i32(local.x);', 'let ty = i32(local.y);', `let lane = ty * ${x} + tx;`],
      };

const indented = (lines: readonly string[]): string =>
  lines.map((line) => (line === '' ? '' : `  ${line}`)).join('\n');

/** The entry point. */
function mainText(p: Printer): string {
  const { x, y } = p.threads;
  const threads = threadNumbers(p);
  const inputs = [
    '@builtin(workgroup_id) group: vec3<u32>',
    '@builtin(num_workgroups) groups: vec3<u32>',
    ...threads.inputs,
  ];
  const lines = [...programLines(p), ...threads.lines, '', ...p.writer.innermost.lines];
  return `@compute @workgroup_size(${x}, ${y})\nfn main(\n${indented(inputs.map((input) => `${input},`))}\n) {\n${indented(lines)}\n}\n`;
}

function declarationsText({ globals, memory, bindings, uniforms }: Printer): string {
  const nameOf = (name: string): string => globals.get(name) ?? name;
  const storage = bindings.map(
    ({ name, dtype, lanes, group, binding, access }) =>
      `@group(${group}) @binding(${binding}) var<storage, ${access}> ${nameOf(name)}: array<${typeOf(dtype, lanes)}>;`,
  );
  const shared = memory.arrays.map(({ name, dtype, lanes, length }) => {
    const type = length === 0 ? dtype : `array<${typeOf(dtype, lanes)}, ${length}>`;
    return `var<workgroup> ${name}: ${type};`;
  });
  return [
    'struct Launch {',
    ...uniforms.map(({ name, dtype }) => `  ${nameOf(name)}: ${dtype},`),
    '}',
    '@group(0) @binding(0) var<uniform> launch: Launch;',
    ...storage,
    ...shared,
  ].join('\n');
}

/** Prints with the schedule's stage, or where that takes too much workgroup memory, with the largest half that fits. */
function printWithin(decisions: Decisions): Printer {
  const { kernel, limits } = decisions;
  for (let { stage } = decisions; ; stage = Math.max(4, stage / 2 - ((stage / 2) % 4))) {
    const p = makePrinter(decisions, stage);
    printRegion(p, kernel.body);
    const { bytes, arrays } = p.memory;
    if (bytes <= limits.workgroupBytes) return p;
    if (stage > 4) continue;
    throw limitError(
      kernel,
      'FROND-K201',
      `${bytes} bytes of workgroup memory are over the limit of ${limits.workgroupBytes} (${arrays.map((array) => `${array.name} ${bytesOf(array)}`).join(', ')})`,
      'give the schedule smaller tiles',
    );
  }
}

/**
 * Spells a kernel as a WGSL module.
 * @throws FROND-K1… when the kernel is illegal; FROND-K201 when it needs more workgroup memory than `limits` allow,
 * FROND-K202 when it needs more or other buffers, FROND-K203 when its workgroup has too many threads.
 */
export function printWgsl(kernel: Kernel, options: WgslOptions = {}): WgslModule {
  checkArguments('printWgsl', { kernel: kernelKind, options: wgslOptions }, [kernel, options]);
  assertKernel(kernel);
  const p = printWithin(decide(kernel, options));
  const enabled = [
    ...(kernel.buffers.some(({ dtype }) => dtype === 'f16') ? ['enable f16;\n'] : []),
    ...(p.usesSubgroups ? ['enable subgroups;\n'] : []),
  ];
  const code = `\
${enabled.join('')}${headerText(p)}
${declarationsText(p)}

${functionsText(p.helpers, options.transcendentals === 'builtin')}${mainText(p)}`;
  return {
    kernel: kernel.name,
    code,
    bindings: p.bindings,
    uniforms: p.uniforms,
    uniformBytes: Math.ceil((p.uniforms.length * 4) / 16) * 16,
    workgroup: [p.threads.x, p.threads.y],
    workgroupBytes: p.memory.bytes,
  };
}
