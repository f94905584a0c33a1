import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { swiftshaderEnvironment } from './test/support/swiftshader.ts';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

// Read by the dynamic loader when a process starts: forked test workers inherit it.
if (!process.env.VK_ICD_FILENAMES) Object.assign(process.env, swiftshaderEnvironment());

export default defineConfig({
  resolve: {
    alias: {
      '#platform': at('./src/platform/node/index.ts'),
      frond: at('./src/index.ts'),
    },
  },
  test: {
    pool: 'forks',
    // as many as cores: the runner's own choice leaves one idle, half of a small machine
    maxWorkers: '100%',
    include: ['test/**/*.test.ts'],
    // modules do nothing when they are imported, so that the files of a worker may share them
    isolate: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
