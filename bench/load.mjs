// node --import ./bench/load.mjs FILE.ts runs the TypeScript of this repository as the ES modules that a build would give.
import { register } from 'node:module';

register('./loadHooks.mjs', import.meta.url);
