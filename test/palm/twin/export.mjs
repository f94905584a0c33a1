// node test/palm/twin/export.mjs DATA OUT
import { fileURLToPath } from 'node:url';
import { createJiti } from 'jiti';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const jiti = createJiti(import.meta.url, {
  alias: { '#platform': at('../../../src/platform/node/index.ts') },
});
const { exportTwin } = await jiti.import(at('export.ts'));
await exportTwin(process.argv[2], process.argv[3]);
