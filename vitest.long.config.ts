import { mergeConfig } from 'vitest/config';
import base from './vitest.config.ts';

export default mergeConfig(base, {
  // a process for each file: what full counts leave behind would add up to gigabytes
  test: { env: { FROND_TEST_LONG: '1' }, isolate: true, testTimeout: 600_000, hookTimeout: 600_000 },
});
