// softmax [16x32 whole]: y = exp(x − max x) / Σ exp(x − max x) along rows
// tiles: r 16, c 32; workgroup: 16 × 16 threads
// buffers: x (read f32), out (write f32)
struct Launch {
  grid_0: i32,
  rows: i32,
  columns: i32,
}
@group(0) @binding(0) var<uniform> launch: Launch;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
var<workgroup> parts: array<f32, 256>;

// e^x = 2^n e^r; what is below the smallest normal number is 0, what overflows is left to the device
fn exp_f32(x: f32) -> f32 {
  let n = round(x * 1.4426950216293335);
  let r = fma(n, -0.000001428606765330187, fma(n, -0.693145751953125, x));
  let e = 1.0 + fma(r * r, fma(fma(fma(0.008312520571053028, r, 0.04189015552401543), r, 0.16667114198207855), r, 0.499992311000824), r);
  let whole = i32(clamp(n, -127.0, 128.0));
  let half = whole >> 1u;
  let scaled = e * bitcast<f32>((half + 127) << 23u) * bitcast<f32>((whole - half + 127) << 23u);
  return select(select(scaled, exp(x), x > 88.72283), 0.0, x < -87.33654);
}

@compute @workgroup_size(16, 16)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
) {
  let program = i32(group.x + group.y * groups.x);
  if (program >= launch.grid_0) { return; }
  let program_0 = program;
  let tx = i32(local.x);
  let ty = i32(local.y);
  let lane = ty * 16 + tx;

  let r_start = program_0 * 16;
  var x_value: array<f32, 2>;
  let r_at = r_start + ty;
  for (var c_i = 0; c_i < 2; c_i++) {
    let c = tx + c_i * 16;
    x_value[c_i] = select(-3.4028234663852886e+38, x[r_at * launch.columns + c], (r_at < launch.rows) & (c < launch.columns));
  }
  // max over c
  var max_over_c: f32;
  var part = -3.4028234663852886e38;
  for (var c_i = 0; c_i < 2; c_i++) {
    part = max(part, x_value[c_i]);
  }
  parts[ty * 16 + tx] = part;
  workgroupBarrier();
  var total = -3.4028234663852886e38;
  for (var i = 0; i < 16; i++) { total = max(total, parts[ty * 16 + i]); }
  max_over_c = total;
  var chosen: array<f32, 2>;
  for (var c_i = 0; c_i < 2; c_i++) {
    let c = tx + c_i * 16;
    let exponential = exp_f32(x_value[c_i] - max_over_c);
    chosen[c_i] = select(0.0, exponential, c < launch.columns);
  }
  // sum over c
  var sum_over_c: f32;
  workgroupBarrier();
  var part_2 = 0.0;
  for (var c_i = 0; c_i < 2; c_i++) {
    part_2 += chosen[c_i];
  }
  parts[ty * 16 + tx] = part_2;
  workgroupBarrier();
  var total_2 = 0.0;
  for (var i_2 = 0; i_2 < 16; i_2++) { total_2 += parts[ty * 16 + i_2]; }
  sum_over_c = total_2;
  for (var c_i = 0; c_i < 2; c_i++) {
    let c = tx + c_i * 16;
    if ((r_at < launch.rows) & (c < launch.columns)) { out[r_at * launch.columns + c] = chosen[c_i] / sum_over_c; }
  }
}
