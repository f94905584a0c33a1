import { expect, it } from 'vitest';
import { hasRelaxedSimd } from '../../../src/backend/wasm/index.ts';
import { wasmDevice } from '../../../src/runtime/wasm/device.ts';

// apart from the tests that switch it on: an engine is asked once
it.skipIf(hasRelaxedSimd())('relaxed SIMD is refused where the engine has none', () => {
  expect(() => wasmDevice({ relaxed: true })).toThrow(/^\[FROND-R020\] this engine has no relaxed SIMD/);
});
