// softmax [16x64 long]: y = exp(x − max x) / Σ exp(x − max x) along rows
// tiles: r 16, c 64; workgroup: 16 × 16 threads, each with up to c 4 elements of a tile
//   read x[r * columns + c], r < rows, c < columns (vec4<f32>)
//   write out[r * columns + c], r < rows, c < columns (vec4<f32>)
struct Launch {
  grid_0: i32,
  rows: i32,
  columns: i32,
}
@group(0) @binding(0) var<uniform> launch: Launch;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;
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

// by its bits: WGSL may assume that no number is infinite or NaN
fn is_finite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}

fn from_bits(bits: u32) -> f32 {
  return bitcast<f32>(bits);
}

// NaN where either is: of x by its comparison, of y by its bits
fn max_f32(x: f32, y: f32) -> f32 {
  return select(x, y, (y > x) | (bitcast<u32>(abs(y)) > 0x7f800000u));
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
  var highest: vec4<f32>;
  for (var c_lane = 0; c_lane < 4; c_lane++) {
    highest[c_lane] = from_bits(0xff800000u);
  }
  for (var c_start: i32 = 0; c_start < launch.columns; c_start += 64) {
    let r_at = r_start + ty;
    let c = tx * 4;
    let c_at = c_start + c;
    let x_value = select(vec4<f32>(from_bits(0xff800000u)), x[(r_at * launch.columns + c_at) >> 2u], (r_at < launch.rows) & (c_at < launch.columns));
    for (var c_lane = 0; c_lane < 4; c_lane++) {
      highest[c_lane] = max_f32(highest[c_lane], x_value[c_lane]);
    }
  }
  // max over c
  var largest: f32;
  var part = from_bits(0xff800000u);
  for (var c_lane = 0; c_lane < 4; c_lane++) {
    part = max_f32(part, highest[c_lane]);
  }
  parts[ty * 16 + tx] = part;
  workgroupBarrier();
  var folded = from_bits(0xff800000u);
  for (var i = 0; i < 16; i++) { folded = max_f32(folded, parts[ty * 16 + i]); }
  largest = folded;
  var running_sum = vec4<f32>();
  var state = vec4<f32>();
  for (var iteration: i32 = 0; iteration < launch.columns; iteration += 1024) {
    let smaller = min(launch.columns, iteration + 1024);
    var running_sum_2 = vec4<f32>();
    for (var c_start: i32 = iteration; c_start < smaller; c_start += 64) {
      let c = tx * 4;
      let r_at = r_start + ty;
      let c_at_2 = c_start + c;
      let x_value = select(vec4<f32>(from_bits(0xff800000u)), x[(r_at * launch.columns + c_at_2) >> 2u], (r_at < launch.rows) & (c_at_2 < launch.columns));
      for (var c_lane = 0; c_lane < 4; c_lane++) {
        let c_2 = c + c_lane;
        let c_at = c_start + c_2;
        let exponential = exp_f32(x_value[c_lane] - largest);
        running_sum_2[c_lane] = running_sum_2[c_lane] + select(0.0, exponential, c_at < launch.columns);
      }
    }
    var sum: vec4<f32>;
    for (var c_lane = 0; c_lane < 4; c_lane++) {
      let difference = running_sum_2[c_lane] - state[c_lane];
      sum[c_lane] = running_sum[c_lane] + difference;
    }
    for (var c_lane = 0; c_lane < 4; c_lane++) {
      let difference = running_sum_2[c_lane] - state[c_lane];
      state[c_lane] = select(0.0, (sum[c_lane] - running_sum[c_lane]) - difference, is_finite(sum[c_lane]));
    }
    running_sum = sum;
  }
  // sum over c
  var total: f32;
  workgroupBarrier();
  var part_2 = 0.0;
  for (var c_lane = 0; c_lane < 4; c_lane++) {
    part_2 += running_sum[c_lane];
  }
  parts[ty * 16 + tx] = part_2;
  workgroupBarrier();
  var folded_2 = 0.0;
  for (var i_2 = 0; i_2 < 16; i_2++) { folded_2 += parts[ty * 16 + i_2]; }
  total = folded_2;
  for (var c_start: i32 = 0; c_start < launch.columns; c_start += 64) {
    var four: vec4<f32>;
    let r_at = r_start + ty;
    let c = tx * 4;
    let c_at = c_start + c;
    let x_value = select(vec4<f32>(from_bits(0xff800000u)), x[(r_at * launch.columns + c_at) >> 2u], (r_at < launch.rows) & (c_at < launch.columns));
    for (var c_lane = 0; c_lane < 4; c_lane++) {
      let exponential = exp_f32(x_value[c_lane] - largest);
      four[c_lane] = exponential / total;
    }
    if ((r_at < launch.rows) & (c_at < launch.columns)) { out[(r_at * launch.columns + c_at) >> 2u] = four; }
  }
}
