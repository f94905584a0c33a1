import { dispatchSize, uniformData } from '../../backend/wgsl/index.ts';
import { defined } from '../../base/errors.ts';
import { own } from '../../base/own.ts';
import type { Command } from '../device.ts';
import { alignBytes, RANGE_ALIGNMENT, rangeOf, USAGE } from './memory.ts';
import type { GpuOwner } from './owner.ts';
import type { Pipelines } from './pipelines.ts';

/** A command with its text, and the ranges of memory that its bindings cover. */
function planCommand(command: Command, pipelines: Pipelines) {
  const { kernel, multiplesOf4 } = command;
  const placed = kernel.buffers.map(({ name, access }) => {
    const what = `${name} of kernel ${kernel.name}`;
    const range = rangeOf(defined(own(command.buffers, name), what), what);
    // by buffer: what lies in different chunks of a memory cannot share a binding
    return { name, access, memory: range.buffer, tensor: range.offset, ...range };
  });
  const module = pipelines.moduleOf(kernel, placed, multiplesOf4);
  /** where each buffer begins in its binding, in elements */
  const bases: Record<string, number> = {};
  const entries = module.bindings.map(({ binding, buffers, dtype }): GPUBindGroupEntry => {
    const parts = placed.filter(({ name }) => buffers.includes(name));
    const { buffer } = defined(parts[0], 'buffer of a binding');
    const offset = Math.min(...parts.map((part) => part.offset));
    const end = Math.max(...parts.map((part) => part.offset + Math.max(4, part.bytes)));
    for (const part of parts) bases[part.name] = (part.offset - offset) / (dtype === 'f16' ? 2 : 4);
    const size = Math.min(alignBytes(end - offset, RANGE_ALIGNMENT), buffer.size - offset);
    return { binding, resource: { buffer, offset, size } };
  });
  return { command, module, entries, uniforms: uniformData(module, command, bases) };
}

/** Makes the command list ready. Every call to the GPU stands in one error scope. */
export async function bindLaunches(
  commands: readonly Command[],
  owner: GpuOwner,
  pipelines: Pipelines,
  groups: number,
) {
  // one uniform buffer for all launches, each at its aligned offset, written once
  let bytes = 0;
  const plans = commands
    .filter(({ grid }) => !grid.includes(0))
    .map((command) => {
      const plan = planCommand(command, pipelines);
      const offset = bytes;
      bytes += alignBytes(plan.uniforms.byteLength, RANGE_ALIGNMENT);
      return { ...plan, offset };
    });
  const compiled = await Promise.all(plans.map(({ module }) => pipelines.pipelineOf(module)));
  const data = new Uint8Array(Math.max(RANGE_ALIGNMENT, bytes));
  for (const plan of plans) data.set(new Uint8Array(plan.uniforms), plan.offset);
  const { device } = owner;
  return owner.scoped('a command list', () => {
    const uniforms = device.createBuffer({
      size: data.byteLength,
      usage: USAGE.uniform | USAGE.copyTarget,
    });
    device.queue.writeBuffer(uniforms, 0, data);
    const launches = plans.map(({ command: { kernel, grid }, module, entries, offset }, i) => {
      const pipeline = compiled[i] as GPUComputePipeline;
      const resource = { buffer: uniforms, offset, size: module.uniformBytes };
      const group = device.createBindGroup({
        layout: pipeline.getBindGroupLayout(0),
        entries: [{ binding: 0, resource }, ...entries],
      });
      return { kernel, pipeline, group, size: dispatchSize(grid, groups) };
    });
    return { launches, uniforms };
  });
}

/** A launch ready to be encoded. */
export type GpuLaunch = Awaited<ReturnType<typeof bindLaunches>>['launches'][number];
