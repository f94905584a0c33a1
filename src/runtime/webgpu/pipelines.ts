import { printWgsl, type WgslLimits, type WgslModule, type WgslOptions } from '../../backend/wgsl/index.ts';
import { defined } from '../../base/errors.ts';
import { own, remembered } from '../../base/own.ts';
import type { Kernel } from '../../kernel/ir.ts';
import type { LaunchShape } from '../device.ts';
import { type BindingPattern, isServedBy, type PlacedBuffer, planBindings } from './bindings.ts';
import type { GpuOwner } from './owner.ts';

/** A bit of the WebGPU interface, as its specification numbers it. */
const COMPUTE_STAGE = 0x4;

/** How texts are spelled for a device. */
export type TextOptions = WgslOptions & { readonly limits: WgslLimits };

/** Texts, and what the GPU made of each: nothing is printed or compiled twice. */
export class Pipelines {
  readonly #owner: GpuOwner;
  readonly #options: TextOptions;
  /** the texts of each kernel, with the launches that they were printed for */
  readonly #modules = new Map<Kernel, { pattern: BindingPattern; multiples: string; module: WgslModule }[]>();
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();

  constructor(owner: GpuOwner, options: TextOptions) {
    this.#owner = owner;
    this.#options = options;
  }

  /** Distinct texts so far. */
  get texts(): number {
    return this.#pipelines.size;
  }

  /** How a launch with its buffers in these places is bound. */
  patternOf(buffers: readonly PlacedBuffer[]): BindingPattern {
    return planBindings(buffers, this.#options.limits.storageBuffers);
  }

  /**
   * The text of a kernel for a launch with its buffers in these places.
   * @throws FROND-K201…K203 where it does not fit the limits
   */
  moduleOf(
    kernel: Kernel,
    buffers: readonly PlacedBuffer[],
    multiplesOf4: readonly string[] = [],
    pattern = this.patternOf(buffers),
  ): WgslModule {
    const known = remembered(this.#modules, kernel, () => []);
    const multiples = multiplesOf4.join();
    const alike = known.filter((one) => one.multiples === multiples);
    const found = alike.find((one) => isServedBy(buffers, pattern, one.pattern));
    if (found !== undefined) return found.module;
    const module = printWgsl(kernel, { ...this.#options, ...pattern, multiplesOf4 });
    known.push({ pattern, multiples, module });
    return module;
  }

  /** Compiles, all at once, what launches need and is not there yet. */
  async prepare(
    launches: Iterable<LaunchShape>,
    onProgress?: (done: number, total: number) => void,
  ): Promise<void> {
    this.#owner.check();
    const wanted = [...launches].map(({ kernel, places, multiplesOf4 }) => {
      const buffers = kernel.buffers.map(({ name, access }) => {
        return { name, access, ...defined(own(places, name), `place of ${name}`) };
      });
      return { kernel, buffers, multiplesOf4, pattern: this.patternOf(buffers) };
    });
    // those that bind most for writing come first: others of the kernel may then do with their text
    const modules = wanted
      .sort((a, b) => b.pattern.readWrite.length - a.pattern.readWrite.length)
      .map(({ kernel, buffers, multiplesOf4, pattern }) =>
        this.moduleOf(kernel, buffers, multiplesOf4, pattern),
      );
    const fresh = new Map(
      modules.filter(({ code }) => !this.#pipelines.has(code)).map((module) => [module.code, module]),
    );
    let done = 0;
    await Promise.all(
      [...fresh.values()].map(async (module) => {
        await this.pipelineOf(module);
        onProgress?.(++done, fresh.size);
      }),
    );
  }

  /** @throws FROND-R024 where the driver refuses the text */
  pipelineOf(module: WgslModule): Promise<GPUComputePipeline> {
    const known = this.#pipelines.get(module.code);
    if (known !== undefined) return known;
    const made = this.#make(module);
    this.#pipelines.set(module.code, made);
    made.catch(() => this.#pipelines.delete(module.code));
    return made;
  }

  async #make({ kernel: label, code, bindings }: WgslModule): Promise<GPUComputePipeline> {
    const { device } = this.#owner;
    const what = `kernel ${label}`;
    const entry = (binding: number, type: GPUBufferBindingType): GPUBindGroupLayoutEntry => ({
      binding,
      visibility: COMPUTE_STAGE,
      buffer: { type },
    });
    const storage = bindings.map(({ binding, access }) =>
      entry(binding, access === 'read' ? 'read-only-storage' : 'storage'),
    );
    const descriptor = await this.#owner.scoped(what, (): GPUComputePipelineDescriptor => {
      const layout = device.createBindGroupLayout({ entries: [entry(0, 'uniform'), ...storage] });
      return {
        layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module: device.createShaderModule({ code, label }), entryPoint: 'main' },
        label,
      };
    });
    return this.#owner.guard(what, device.createComputePipelineAsync(descriptor));
  }
}
