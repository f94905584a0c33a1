import { dispatchSize, uniformData, type WgslModule } from '../../backend/wgsl/index.ts';
import { defined } from '../../base/errors.ts';
import { own } from '../../base/own.ts';
import type { Command, Place } from '../device.ts';
import { alignBytes, type GpuRange, RANGE_ALIGNMENT, rangeOf, USAGE } from './memory.ts';
import type { GpuOwner } from './owner.ts';
import type { Pipeline, Pipelines } from './pipelines.ts';

/** A launch ready to be encoded. */
export interface GpuLaunch {
  readonly kernel: string;
  readonly variant: string;
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly size: readonly [x: number, y: number, z: number];
}

/** A command with its text. */
interface Planned {
  readonly command: Command;
  readonly module: WgslModule;
  /** what each binding of the module covers */
  readonly ranges: readonly (GpuRange & { readonly binding: number })[];
  /** where each buffer begins in its binding, in elements */
  readonly bases: Readonly<Record<string, number>>;
}

function planCommand(command: Command, pipelines: Pipelines): Planned {
  const { kernel, buffers, multiplesOf4 } = command;
  const known = new Map(
    kernel.buffers.map(({ name }) => {
      const what = `${name} of kernel ${kernel.name}`;
      return [name, rangeOf(defined(own(buffers, name), what), what)];
    }),
  );
  const range = (name: string): GpuRange => defined(known.get(name), `range of ${name}`);
  // by buffer: what lies in different chunks of a memory cannot share a binding
  const placeOf = (name: string): Place => ({ memory: range(name).buffer, tensor: range(name).offset });
  const module = pipelines.moduleOf(kernel, placeOf, multiplesOf4);
  const ranges = module.bindings.map(({ binding, buffers: names }) => ({
    ...hullOf(names.map(range)),
    binding,
  }));
  const bases = module.bindings.flatMap(({ buffers: names, dtype }, i) =>
    names.map((name) => {
      const bytes = range(name).offset - defined(ranges[i], 'range of a binding').offset;
      return [name, bytes / (dtype === 'f16' ? 2 : 4)] as const;
    }),
  );
  return { command, module, ranges, bases: Object.fromEntries(bases) };
}

/** From the first to the last byte of the ranges of a binding's buffers, rounded to what a range must be. */
function hullOf(ranges: readonly GpuRange[]): GpuRange {
  const { buffer } = defined(ranges[0], 'range of a binding');
  const offset = Math.min(...ranges.map((range) => range.offset));
  const end = Math.max(...ranges.map((range) => range.offset + Math.max(4, range.bytes)));
  const bytes = Math.min(alignBytes(end - offset, RANGE_ALIGNMENT), buffer.size - offset);
  return { buffer, offset, bytes };
}

/** One uniform buffer for all launches, each at its aligned offset, written once. */
function uniformsOf(plans: readonly Planned[]) {
  const offsets: number[] = [];
  let size = 0;
  for (const { module } of plans) {
    offsets.push(size);
    size += alignBytes(module.uniformBytes, RANGE_ALIGNMENT);
  }
  const data = new Uint8Array(Math.max(RANGE_ALIGNMENT, size));
  plans.forEach(({ module, command, bases }, i) => {
    data.set(new Uint8Array(uniformData(module, command, bases)), offsets[i]);
  });
  return { data, offsets };
}

/** Makes the command list ready. Every call to the GPU stands in one error scope. */
export async function bindLaunches(
  commands: readonly Command[],
  owner: GpuOwner,
  pipelines: Pipelines,
  groups: number,
): Promise<{ readonly launches: readonly GpuLaunch[]; readonly uniforms: GPUBuffer }> {
  const plans = commands
    .filter(({ grid }) => !grid.includes(0))
    .map((command) => planCommand(command, pipelines));
  const compiled = await Promise.all(plans.map(({ module }) => pipelines.pipelineOf(module)));
  const { data, offsets } = uniformsOf(plans);
  const { device } = owner;
  return owner.scoped('a command list', () => {
    const uniforms = device.createBuffer({
      size: data.byteLength,
      usage: USAGE.uniform | USAGE.copyTarget,
    });
    device.queue.writeBuffer(uniforms, 0, data);
    const launches = plans.map(({ command: { kernel, grid }, module, ranges }, i): GpuLaunch => {
      const { pipeline, layout } = compiled[i] as Pipeline;
      const uniform = { buffer: uniforms, offset: offsets[i] ?? 0, size: module.uniformBytes };
      const entries = ranges.map(({ binding, buffer, offset, bytes }) => ({
        binding,
        resource: { buffer, offset, size: bytes },
      }));
      return {
        kernel: kernel.name,
        variant: kernel.variant,
        pipeline,
        group: device.createBindGroup({ layout, entries: [{ binding: 0, resource: uniform }, ...entries] }),
        size: dispatchSize(grid, groups),
      };
    });
    return { launches, uniforms };
  });
}
