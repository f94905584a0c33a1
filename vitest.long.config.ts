import { mergeConfig } from 'vitest/config';
import base from './vitest.config.ts';

export default mergeConfig(base, {
  test: { env: { FROND_TEST_LONG: '1' }, testTimeout: 600_000, hookTimeout: 600_000 },
});
