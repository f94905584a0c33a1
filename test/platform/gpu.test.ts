import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it, vi } from 'vitest';
import { openGpu } from '../../src/platform/node/gpu.ts';
import { removeFolder, temporaryFolder } from '../support/build.ts';

const folder = temporaryFolder('vulkan');
afterAll(() => removeFolder(folder));
afterEach(() => vi.unstubAllEnvs());

/** A system with the Vulkan loader, and with manifests of drivers in the user's folder. */
function system(manifests: Readonly<Record<string, string>>): void {
  removeFolder(folder);
  const drivers = join(folder, 'data/vulkan/icd.d');
  mkdirSync(drivers, { recursive: true });
  for (const name of ['libvulkan.so.1', 'libvk_there.so']) writeFileSync(join(folder, name), '');
  for (const [name, text] of Object.entries(manifests)) writeFileSync(join(drivers, name), text);
  for (const name of ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES', 'VK_ADD_DRIVER_FILES']) vi.stubEnv(name, '');
  for (const name of ['XDG_CONFIG_HOME', 'XDG_CONFIG_DIRS', 'XDG_DATA_DIRS'])
    vi.stubEnv(name, join(folder, 'none'));
  vi.stubEnv('XDG_DATA_HOME', join(folder, 'data'));
  vi.stubEnv('LD_LIBRARY_PATH', folder);
}
const driver = (library: string): string => JSON.stringify({ ICD: { library_path: library } });

it.skipIf(process.platform !== 'linux')(
  'Dawn is not asked where Vulkan has no driver: it would print that',
  async () => {
    for (const manifests of [
      {},
      { 'gone.json': driver('libvk_gone.so') },
      { 'gone.json': driver('./libvk_gone.so') },
      { 'broken.json': '{', 'empty.json': '{}', 'readme.txt': driver('libvk_there.so') },
    ]) {
      system(manifests);
      expect(await openGpu()).toEqual({
        gpu: undefined,
        reason: 'the system has no Vulkan driver',
        hint: 'if there is a GPU, install its Vulkan driver',
      });
    }
    for (const library of ['libvk_there.so', '../../../libvk_there.so', join(folder, 'libvk_there.so')]) {
      system({ 'gone.json': driver('libvk_gone.so'), 'there.json': driver(library) });
      expect((await openGpu()).gpu).toBeDefined();
    }
    system({ 'there.json': driver('libvk_there.so') });
    vi.stubEnv('VK_DRIVER_FILES', '/none');
    expect((await openGpu()).reason).toBe('the system has no Vulkan driver');
    vi.stubEnv('VK_DRIVER_FILES', join(folder, 'data/vulkan/icd.d'));
    expect((await openGpu()).gpu).toBeDefined();
  },
);
