import { printWgsl, type WgslLimits, type WgslModule, type WgslOptions } from '../../backend/wgsl/index.ts';
import { defined } from '../../base/errors.ts';
import { own } from '../../base/own.ts';
import type { Kernel } from '../../kernel/ir.ts';
import type { LaunchShape, Place } from '../device.ts';
import { type BindingPattern, isServedBy, planBindings } from './bindings.ts';
import type { GpuOwner } from './owner.ts';

/** A bit of the WebGPU interface, as its specification numbers it. */
const COMPUTE_STAGE = 0x4;

export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** How texts are spelled for a device. */
export type TextOptions = WgslOptions & { readonly limits: WgslLimits };

interface KnownModule {
  readonly pattern: BindingPattern;
  readonly multiples: string;
  readonly module: WgslModule;
}

/** Texts, and what the GPU made of each: nothing is printed or compiled twice. */
export class Pipelines {
  readonly #owner: GpuOwner;
  readonly #options: TextOptions;
  readonly #modules = new Map<Kernel, readonly KnownModule[]>();
  readonly #pipelines = new Map<string, Promise<Pipeline>>();

  constructor(owner: GpuOwner, options: TextOptions) {
    this.#owner = owner;
    this.#options = options;
  }

  /** Distinct texts so far. */
  get texts(): number {
    return this.#pipelines.size;
  }

  /**
   * The text of a kernel for a launch with its buffers in these places.
   * @throws FROND-K201…K203 where it does not fit the limits
   */
  moduleOf(
    kernel: Kernel,
    placeOf: (buffer: string) => Place,
    multiplesOf4: readonly string[] = [],
  ): WgslModule {
    const known = this.#modules.get(kernel) ?? [];
    const own = planBindings(kernel, placeOf, this.#options.limits.storageBuffers);
    const multiples = multiplesOf4.join();
    const alike = known.filter((one) => one.multiples === multiples);
    const found = alike.find(({ pattern }) => isServedBy(kernel, placeOf, own, pattern));
    if (found !== undefined) return found.module;
    const module = printWgsl(kernel, { ...this.#options, ...own, multiplesOf4 });
    this.#modules.set(kernel, [...known, { pattern: own, multiples, module }]);
    return module;
  }

  /** Compiles, all at once, what launches need and is not there yet. */
  async prepare(
    launches: Iterable<LaunchShape>,
    onProgress?: (done: number, total: number) => void,
  ): Promise<void> {
    this.#owner.check();
    const shapes = [...launches].map(({ kernel, places, multiplesOf4 }) => {
      const placeOf = (name: string): Place => defined(own(places, name), `place of ${name}`);
      const { readWrite } = planBindings(kernel, placeOf, this.#options.limits.storageBuffers);
      return { kernel, placeOf, multiplesOf4, writes: readWrite.length };
    });
    // those that bind most for writing come first: others of the kernel may then do with their text
    const modules = shapes
      .sort((a, b) => b.writes - a.writes)
      .map(({ kernel, placeOf, multiplesOf4 }) => this.moduleOf(kernel, placeOf, multiplesOf4));
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
  pipelineOf(module: WgslModule): Promise<Pipeline> {
    const known = this.#pipelines.get(module.code);
    if (known !== undefined) return known;
    const made = this.#make(module);
    this.#pipelines.set(module.code, made);
    made.catch(() => this.#pipelines.delete(module.code));
    return made;
  }

  async #make({ kernel: label, code, bindings }: WgslModule): Promise<Pipeline> {
    const { device } = this.#owner;
    const what = `kernel ${label}`;
    const entry = (binding: number, type: GPUBufferBindingType): GPUBindGroupLayoutEntry => ({
      binding,
      visibility: COMPUTE_STAGE,
      buffer: { type },
    });
    const { layout, descriptor } = await this.#owner.scoped(what, () => {
      const layout = device.createBindGroupLayout({
        entries: [
          entry(0, 'uniform'),
          ...bindings.map(({ binding, access }) =>
            entry(binding, access === 'read' ? 'read-only-storage' : 'storage'),
          ),
        ],
      });
      const descriptor: GPUComputePipelineDescriptor = {
        layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module: device.createShaderModule({ code, label }), entryPoint: 'main' },
        label,
      };
      return { layout, descriptor };
    });
    const pipeline = await this.#owner.guard(what, device.createComputePipelineAsync(descriptor));
    return { pipeline, layout };
  }
}
