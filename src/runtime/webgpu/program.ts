import { dispatchSize, uniformData, type WgslBinding, type WgslModule } from '../../backend/wgsl/index.ts';
import { defined } from '../../base/errors.ts';
import { own } from '../../base/own.ts';
import type { Command, Place } from '../device.ts';
import { alignBytes, RANGE_ALIGNMENT, USAGE } from './flags.ts';
import { type GpuRange, rangeOf } from './memory.ts';
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

/** A command with its text and the ranges of its buffers. */
interface Planned {
  readonly command: Command;
  readonly module: WgslModule;
  readonly ranges: ReadonlyMap<string, GpuRange>;
}

function planCommand(command: Command, pipelines: Pipelines): Planned {
  const { kernel, buffers, multiplesOf4 } = command;
  const located = (name: string) => defined(own(buffers, name), `buffer ${name} of kernel ${kernel.name}`);
  const ranges = new Map(
    kernel.buffers.map(
      ({ name }) => [name, rangeOf(located(name), `${name} of kernel ${kernel.name}`)] as const,
    ),
  );
  const byMemory = (name: string): Place => {
    const { memory, offset } = located(name);
    return { memory, tensor: offset };
  };
  const module = pipelines.moduleOf(kernel, byMemory, multiplesOf4);
  const whole = module.bindings.every(
    ({ buffers: names }) => new Set(names.map((name) => ranges.get(name)?.buffer)).size === 1,
  );
  if (whole) return { command, module, ranges };
  // a memory in several chunks: what lies in different ones cannot share a binding
  const byBuffer = (name: string): Place => {
    const { buffer, offset } = defined(ranges.get(name), name);
    return { memory: buffer, tensor: offset };
  };
  return { command, module: pipelines.moduleOf(kernel, byBuffer, multiplesOf4), ranges };
}

/** The stretch that a binding covers: from the first to the last byte of its buffers, rounded to what a range must be. */
function hullOf({ buffers }: WgslBinding, ranges: Planned['ranges']): GpuRange {
  const parts = buffers.map((name) => defined(ranges.get(name), `range of ${name}`));
  const { buffer } = defined(parts[0], 'range of a binding');
  const offset = Math.min(...parts.map((part) => part.offset));
  const end = Math.max(...parts.map((part) => part.offset + Math.max(4, part.bytes)));
  const bytes = Math.min(alignBytes(end - offset, RANGE_ALIGNMENT), buffer.size - offset);
  return { buffer, offset, bytes };
}

/** Where the buffers of shared bindings begin, in elements of their binding. */
function basesOf({ module, ranges }: Planned): Record<string, number> {
  return Object.fromEntries(
    module.bindings.flatMap((binding) => {
      const start = hullOf(binding, ranges).offset;
      const bytes = binding.dtype === 'f16' ? 2 : 4;
      return binding.buffers.map(
        (name) => [name, (defined(ranges.get(name), name).offset - start) / bytes] as const,
      );
    }),
  );
}

/** One uniform buffer for all launches, each at its aligned offset, written once. */
function uniformsOf(plans: readonly Planned[]): { readonly data: Uint8Array; readonly offsets: number[] } {
  const offsets: number[] = [];
  let size = 0;
  for (const { module } of plans) {
    offsets.push(size);
    size += alignBytes(Math.max(16, module.uniformBytes), RANGE_ALIGNMENT);
  }
  const data = new Uint8Array(Math.max(RANGE_ALIGNMENT, size));
  plans.forEach((plan, i) => {
    const { grid, scalars, kernel } = plan.command;
    const bytes = uniformData(plan.module, { kernel, grid, scalars }, basesOf(plan));
    data.set(new Uint8Array(bytes), offsets[i] ?? 0);
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
    device.queue.writeBuffer(uniforms, 0, data as Uint8Array<ArrayBuffer>);
    const launches = plans.map((plan, i): GpuLaunch => {
      const { pipeline, layout } = compiled[i] as Pipeline;
      const size = Math.max(16, plan.module.uniformBytes);
      const group = device.createBindGroup({
        layout,
        entries: [
          { binding: 0, resource: { buffer: uniforms, offset: offsets[i] ?? 0, size } },
          ...plan.module.bindings.map((binding): GPUBindGroupEntry => {
            const { buffer, offset, bytes } = hullOf(binding, plan.ranges);
            return { binding: binding.binding, resource: { buffer, offset, size: bytes } };
          }),
        ],
      });
      const { kernel, grid } = plan.command;
      return {
        ...{ kernel: kernel.name, variant: kernel.variant, pipeline, group },
        size: dispatchSize(grid, groups),
      };
    });
    return { launches, uniforms };
  });
}
