// node bench/gpu/pack.mjs [ARCHIVE]: everything that bench/gpu/run.sh needs on a Linux x64 machine that has nothing, in one
// archive: Node itself, the measuring program, Dawn, a Vulkan loader with a software driver, the PyTorch script.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import '../load.mjs';

const LIMIT = 64 * 2 ** 20;
const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const archive = resolve(process.argv[2] ?? at('../../outputs/gpu/frond-gpu.tar.gz'));
if (process.platform !== 'linux' || process.arch !== 'x64') {
  console.error('pack on Linux x64: the archive carries the Node that runs this');
  process.exit(1);
}

const folder = mkdtempSync(join(tmpdir(), 'frond-gpu-'));
const put = (path, bytes, mode = 0o644) => {
  const target = join(folder, path);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, bytes, { mode });
};

await build({
  entryPoints: [at('main.ts')],
  outfile: join(folder, 'main.mjs'),
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  external: ['webgpu'],
  alias: { '#platform': at('../../src/platform/node/index.ts'), frond: at('../../src/index.ts') },
  // packages of the older kind ask for `require`
  banner: {
    js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
  },
});
put('pytorchGpu.py', readFileSync(at('pytorchGpu.py')));
put('node', readFileSync(process.execPath), 0o755);

const require = createRequire(import.meta.url);
const dawn = dirname(require.resolve('webgpu'));
for (const path of ['package.json', 'index.js', 'LICENSE.md', 'dist/linux-x64/dawn.node']) {
  put(join('node_modules/webgpu', path), readFileSync(join(dawn, path)));
}

const { swiftshaderEnvironment } = await import('../../test/support/swiftshader.ts');
const vulkan = swiftshaderEnvironment()?.VK_ICD_FILENAMES;
if (vulkan === undefined) console.error('no software Vulkan: @sparticuz/chromium is not installed');
else {
  for (const file of ['libvulkan.so.1', 'libvk_swiftshader.so', basename(vulkan)]) {
    put(join('vulkan', file), readFileSync(join(dirname(vulkan), file)), 0o755);
  }
}

mkdirSync(dirname(archive), { recursive: true });
execFileSync('tar', ['--use-compress-program=gzip -9', '-cf', archive, '-C', folder, '.']);
rmSync(folder, { recursive: true });
const { size } = statSync(archive);
cpSync(at('run.sh'), join(dirname(archive), 'run.sh'));
console.log(`${archive}: ${(size / 2 ** 20).toFixed(1)} MiB`);
if (size > LIMIT) {
  console.error(`more than ${LIMIT / 2 ** 20} MiB`);
  process.exit(1);
}
