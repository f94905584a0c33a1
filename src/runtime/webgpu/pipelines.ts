import type { Kernel } from '../../kernel/ir.ts';
import { printWgsl, type WgslModule, type WgslOptions } from '../../target/wgsl/index.ts';
import type { BindingPattern } from './bindings.ts';
import { COMPUTE_STAGE } from './flags.ts';
import type { GpuOwner } from './owner.ts';

export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** Texts, and what the GPU made of each: nothing is printed or compiled twice. */
export class Pipelines {
  readonly #owner: GpuOwner;
  readonly #options: WgslOptions;
  readonly #modules = new Map<Kernel, Map<string, WgslModule>>();
  readonly #pipelines = new Map<string, Promise<Pipeline>>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();

  constructor(owner: GpuOwner, options: WgslOptions) {
    this.#owner = owner;
    this.#options = options;
  }

  /** Distinct texts so far. */
  get texts(): number {
    return this.#pipelines.size;
  }

  /** The text of a kernel under a pattern. @throws FROND-K201…K203 where it does not fit the limits */
  moduleOf(kernel: Kernel, pattern: BindingPattern, multiplesOf4: readonly string[] = []): WgslModule {
    const key = JSON.stringify([pattern.arenas, pattern.readWrite, multiplesOf4]);
    const known = this.#modules.get(kernel) ?? new Map<string, WgslModule>();
    this.#modules.set(kernel, known);
    const module = known.get(key) ?? printWgsl(kernel, { ...this.#options, ...pattern, multiplesOf4 });
    known.set(key, module);
    return module;
  }

  has(module: WgslModule): boolean {
    return this.#pipelines.has(module.code);
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

  async #make(module: WgslModule): Promise<Pipeline> {
    const { device } = this.#owner;
    const what = `kernel ${module.kernel}`;
    const label = module.kernel;
    const { layout, shader } = await this.#owner.scoped(what, () => ({
      layout: this.#layoutOf(module),
      shader: device.createShaderModule({ code: module.code, label }),
    }));
    const pipeline = await this.#owner.guard(
      what,
      device.createComputePipelineAsync({
        layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module: shader, entryPoint: 'main' },
        label,
      }),
    );
    return { pipeline, layout };
  }

  #layoutOf({ bindings }: WgslModule): GPUBindGroupLayout {
    const key = bindings.map(({ access }) => access).join();
    const known = this.#layouts.get(key);
    if (known !== undefined) return known;
    const layout = this.#owner.device.createBindGroupLayout({
      entries: [
        { binding: 0, visibility: COMPUTE_STAGE, buffer: { type: 'uniform' } },
        ...bindings.map(
          ({ binding, access }): GPUBindGroupLayoutEntry => ({
            binding,
            visibility: COMPUTE_STAGE,
            buffer: { type: access === 'read' ? 'read-only-storage' : 'storage' },
          }),
        ),
      ],
    });
    this.#layouts.set(key, layout);
    return layout;
  }
}
