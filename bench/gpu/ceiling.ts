/** Multiply-adds of vectors in registers: what arithmetic the card does when nothing waits for memory. */
const text = (type: 'f32' | 'f16', rounds: number): string => `${type === 'f16' ? 'enable f16;\n' : ''}
@group(0) @binding(0) var<storage, read_write> out: array<vec4<f32>>;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let factor = vec4<${type}>(${type}(id.x & 7u) * 0.125);
  var a = vec4<${type}>(1); var b = factor; var c = a + factor; var d = c + factor;
  var e = d + factor; var f = e + factor; var g = f + factor; var h = g + factor;
  for (var i = 0u; i < ${rounds}u; i++) {
    a = fma(a, factor, b); b = fma(b, factor, c); c = fma(c, factor, d); d = fma(d, factor, e);
    e = fma(e, factor, f); f = fma(f, factor, g); g = fma(g, factor, h); h = fma(h, factor, a);
  }
  if (id.x < 64u) { out[id.x] = vec4<f32>(a + b + c + d + e + f + g + h); }
}`;

/** GPUBufferUsage.STORAGE, a name that Node does not have. */
const STORAGE = 0x80;

/** GFLOP/s of the quickest of several dispatches. @throws where the device compiles no such text */
export async function gpuCeiling(device: GPUDevice, type: 'f32' | 'f16', software: boolean): Promise<number> {
  const [rounds, groups] = software ? [16, 8] : [4096, 8192];
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code: text(type, rounds) });
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint: 'main' } });
  const error = await device.popErrorScope();
  if (error !== null) throw new Error(error.message.split('\n')[0]);
  const buffer = device.createBuffer({ size: 1024, usage: STORAGE });
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [{ binding: 0, resource: { buffer } }],
  });
  const once = async (dispatches: number): Promise<number> => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    for (let i = 0; i < dispatches; i++) pass.dispatchWorkgroups(groups);
    pass.end();
    const start = performance.now();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    return performance.now() - start;
  };
  await once(1);
  const dispatches = software ? 1 : 8;
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 4; i++) least = Math.min(least, await once(dispatches));
  buffer.destroy();
  // eight vectors of four, multiplied and added
  return (dispatches * groups * 256 * rounds * 8 * 4 * 2) / least / 1e6;
}
