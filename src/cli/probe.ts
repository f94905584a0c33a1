// Run in a process of its own by `frond doctor`: native libraries print what they like, and keep a process alive.

interface Probed {
  readonly webgpu: { readonly state: 'yes' | 'partly' | 'no'; readonly detail: string };
  readonly gpuJs: { readonly state: 'yes' | 'no'; readonly detail: string };
}

export type { Probed };

const reason = (cause: unknown): string =>
  cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);

async function webgpu(): Promise<Probed['webgpu']> {
  try {
    const { create } = await import('webgpu');
    const adapter = await create([]).requestAdapter();
    if (adapter === null) {
      return {
        state: 'partly',
        detail: 'the package webgpu works, it found no adapter (kernels can be checked, not run)',
      };
    }
    const { vendor, architecture, device, description } = adapter.info;
    const features = [...adapter.features].filter((name) => /f16|subgroups|timestamp/.test(name)).join(', ');
    const limit = adapter.limits.maxStorageBufferBindingSize / 2 ** 20;
    const name = [vendor, architecture, device, description].filter((part) => part !== '').join(' ');
    return {
      state: 'yes',
      detail: `${name}; ${features || 'no optional features'}; bindings up to ${limit} MiB`,
    };
  } catch (cause) {
    return { state: 'no', detail: reason(cause) };
  }
}

async function gpuJs(): Promise<Probed['gpuJs']> {
  try {
    await import('gpu.js');
    return { state: 'yes', detail: 'the package gpu.js is installed' };
  } catch (cause) {
    return { state: 'no', detail: reason(cause) };
  }
}

const probed: Probed = { webgpu: await webgpu(), gpuJs: await gpuJs() };
process.stdout.write(JSON.stringify(probed), () => process.exit(0));
