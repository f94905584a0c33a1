// The plain loop that one writes first, by itself and through gpu.js, as contenders; see ../contender.ts.
import { serve } from '../contender.ts';

const numbers = (length) => Float32Array.from({ length }, (_, i) => Math.sin(i));

function loop({ rows, inner }) {
  const [x, w, out] = [numbers(rows * inner), numbers(inner * inner), new Float32Array(rows * inner)];
  return {
    run() {
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < inner; j++) {
          let sum = 0;
          for (let k = 0; k < inner; k++) sum += x[i * inner + k] * w[k * inner + j];
          out[i * inner + j] = sum;
        }
      }
    },
  };
}

/** In gpu.js's dialect, on the best that it finds here. */
async function gpujs({ rows, inner }) {
  const { GPU } = await import('gpu.js');
  // gpu.js reads the text of this function
  const product = function (a, b) {
    let sum = 0;
    for (let k = 0; k < this.constants.inner; k++) sum += a[this.thread.y][k] * b[k][this.thread.x];
    return sum;
  };
  const kernel = new GPU().createKernel(product, { output: [inner, rows], constants: { inner } });
  const matrix = (count) => Array.from({ length: count }, () => numbers(inner));
  const [x, w] = [matrix(rows), matrix(inner)];
  kernel(x, w);
  return { run: () => kernel(x, w), note: kernel.kernel.constructor.name };
}

await serve({ loop, gpujs });
