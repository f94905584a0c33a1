// npm run test:browser: agreement of the devices and one training, in headless Chromium with WebGPU in software and threads.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const at = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** All of it ends by then, whatever hangs. */
const LIMIT_SECONDS = 180;

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
  '--use-vulkan=swiftshader',
  '--use-angle=swiftshader',
  '--ignore-gpu-blocklist',
];

/** Modules that helpers of other tests import for what a page does not use. */
const absent = {
  name: 'absent',
  setup({ onResolve, onLoad }) {
    const none = ({ path }) => ({ path, namespace: 'absent', sideEffects: false });
    onResolve({ filter: /^(vitest|webgpu|node:.*)$/ }, none);
    onLoad({ filter: /.*/, namespace: 'absent' }, () => ({ contents: 'module.exports = {};', loader: 'js' }));
  },
};

async function bundle() {
  const { outputFiles } = await build({
    entryPoints: [at('test/browser/page.ts')],
    bundle: true,
    platform: 'browser',
    format: 'esm',
    minify: true,
    write: false,
    alias: { '#platform': at('src/platform/browser/index.ts'), frond: at('src/index.ts') },
    define: { 'process.env.FROND_TEST_LONG': 'undefined' },
    plugins: [absent],
    logLevel: 'error',
  });
  return outputFiles[0].text;
}

const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** The page's addresses, with the headers that each is served with. */
const MODES = {
  plain: {},
  strict: {
    ...ISOLATION,
    'Content-Security-Policy': "script-src 'self' 'wasm-unsafe-eval' 'unsafe-eval'; worker-src 'self'",
  },
  isolated: ISOLATION,
};

/** One page under several addresses, with the data of an example beside it. */
async function serve(script) {
  const server = createServer(async ({ url }, response) => {
    const [, mode, ...rest] = new URL(url, 'http://localhost').pathname.split('/');
    const name = rest.join('/');
    const send = (type, body) => {
      const headers = { 'Content-Type': type, ...MODES[mode] };
      response.writeHead(200, headers).end(body);
    };
    if (name === '') return send('text/html', '<!doctype html><script type="module" src="page.js"></script>');
    if (name === 'page.js') return send('text/javascript', script);
    const data = /^data\/(\w+\/[\w.]+)$/.exec(name)?.[1];
    const bytes = data && (await readFile(at(`examples/data/home/${data}`)).catch(() => undefined));
    if (bytes) return send('text/plain', bytes);
    response.writeHead(404).end();
  });
  await new Promise((resolve) => server.listen(0, 'localhost', resolve));
  return server;
}

/** @throws where no Chromium can be started */
async function launch() {
  const { default: chromium } = await import('@sparticuz/chromium');
  const { chromium: playwright } = await import('playwright-core');
  return playwright.launch({ executablePath: await chromium.executablePath(), args: FLAGS, timeout: 60_000 });
}

/** Runs all tests of one page. */
async function visit(browser, address, count) {
  const page = await browser.newPage();
  let reported = 0;
  await page.exposeFunction('report', (name, fault, milliseconds) => {
    reported++;
    count[fault ? 'failed' : 'passed']++;
    const mark = fault ? '×' : '✓';
    console.log(`${mark} ${name} (${(milliseconds / 1000).toFixed(1)} s)${fault ? `\n    ${fault}` : ''}`);
  });
  let finish;
  const finished = new Promise((resolve) => {
    finish = resolve;
  });
  await page.exposeFunction('finish', () => finish());
  const broken = new Promise((_, reject) => {
    page.on('crash', () => reject(new Error('the page crashed')));
    page.on('pageerror', reject);
  });
  const done = Promise.race([finished, broken]);
  done.catch(() => undefined);
  await page.goto(address);
  await done;
  if (reported === 0) throw new Error(`${address} ran nothing`);
  await page.close();
}

const count = { passed: 0, failed: 0 };
const end = (code) => {
  console.log(`${count.passed} passed, ${count.failed} failed`);
  process.exit(code);
};

const script = await bundle();
const browser = await launch().catch((error) => {
  console.log(`not run: no Chromium can be started here: ${String(error.message).split('\n')[0]}`);
  process.exit(1);
});
setTimeout(async () => {
  console.log(`not finished after ${LIMIT_SECONDS} s`);
  await browser.close();
  end(1);
}, LIMIT_SECONDS * 1000).unref();
const server = await serve(script);
try {
  const { port } = server.address();
  for (const mode of Object.keys(MODES)) await visit(browser, `http://localhost:${port}/${mode}/`, count);
} catch (error) {
  count.failed++;
  console.log(`× the page: ${error.message}`);
} finally {
  await browser.close();
  server.close();
}
end(count.failed === 0 ? 0 : 1);
