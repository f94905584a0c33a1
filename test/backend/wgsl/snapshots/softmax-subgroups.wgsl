enable subgroups;
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
  @builtin(subgroup_id) subgroup: u32,
  @builtin(subgroup_invocation_id) subgroup_lane: u32,
  @builtin(subgroup_size) subgroup_size: u32,
) {
  let program = i32(group.x + group.y * groups.x);
  if (program >= launch.grid_0) { return; }
  let program_0 = program;
  let lane = i32(subgroup * subgroup_size + subgroup_lane);
  let tx = lane % 16;
  let ty = lane / 16;

  let r_start = program_0 * 16;
  var highest: vec4<f32>;
  highest.x = from_bits(0xff800000u);
  highest.y = from_bits(0xff800000u);
  highest.z = from_bits(0xff800000u);
  highest.w = from_bits(0xff800000u);
  for (var c_start: i32 = 0; c_start < launch.columns; c_start += 64) {
    let r_at = r_start + ty;
    let c = tx * 4;
    let c_at = c_start + c;
    let x_value = select(vec4<f32>(from_bits(0xff800000u)), x[(r_at * launch.columns + c_at) >> 2u], (r_at < launch.rows) & (c_at < launch.columns));
    highest.x = max_f32(highest.x, x_value.x);
    highest.y = max_f32(highest.y, x_value.y);
    highest.z = max_f32(highest.z, x_value.z);
    highest.w = max_f32(highest.w, x_value.w);
  }
  // max over c
  var largest: f32;
  var part = from_bits(0xff800000u);
  part = max_f32(part, highest.x);
  part = max_f32(part, highest.y);
  part = max_f32(part, highest.z);
  part = max_f32(part, highest.w);
  part = max_f32(part, subgroupShuffleXor(part, 1u));
  part = max_f32(part, subgroupShuffleXor(part, 2u));
  part = max_f32(part, subgroupShuffleXor(part, 4u));
  part = max_f32(part, subgroupShuffleXor(part, 8u));
  largest = part;
  var running_sum = vec4<f32>();
  var state = vec4<f32>();
  for (var iteration: i32 = 0; iteration < launch.columns; iteration += 1024) {
    let smaller = min(launch.columns, iteration + 1024);
    var running_sum_2 = vec4<f32>();
    for (var c_start: i32 = iteration; c_start < smaller; c_start += 64) {
      let c = tx * 4;
      let c_at = c_start + c;
      let r_at = r_start + ty;
      let x_value = select(vec4<f32>(from_bits(0xff800000u)), x[(r_at * launch.columns + c_at) >> 2u], (r_at < launch.rows) & (c_at < launch.columns));
      let exponential = exp_f32(x_value.x - largest);
      running_sum_2.x = running_sum_2.x + select(0.0, exponential, c_at < launch.columns);
      let c_2 = c + 1;
      let c_at_2 = c_start + c_2;
      let exponential_2 = exp_f32(x_value.y - largest);
      running_sum_2.y = running_sum_2.y + select(0.0, exponential_2, c_at_2 < launch.columns);
      let c_3 = c + 2;
      let c_at_3 = c_start + c_3;
      let exponential_3 = exp_f32(x_value.z - largest);
      running_sum_2.z = running_sum_2.z + select(0.0, exponential_3, c_at_3 < launch.columns);
      let c_4 = c + 3;
      let c_at_4 = c_start + c_4;
      let exponential_4 = exp_f32(x_value.w - largest);
      running_sum_2.w = running_sum_2.w + select(0.0, exponential_4, c_at_4 < launch.columns);
    }
    var sum: vec4<f32>;
    let difference = running_sum_2.x - state.x;
    sum.x = running_sum.x + difference;
    let difference_2 = running_sum_2.y - state.y;
    sum.y = running_sum.y + difference_2;
    let difference_3 = running_sum_2.z - state.z;
    sum.z = running_sum.z + difference_3;
    let difference_4 = running_sum_2.w - state.w;
    sum.w = running_sum.w + difference_4;
    state.x = select(0.0, (sum.x - running_sum.x) - difference, is_finite(sum.x));
    state.y = select(0.0, (sum.y - running_sum.y) - difference_2, is_finite(sum.y));
    state.z = select(0.0, (sum.z - running_sum.z) - difference_3, is_finite(sum.z));
    state.w = select(0.0, (sum.w - running_sum.w) - difference_4, is_finite(sum.w));
    running_sum = sum;
  }
  // sum over c
  var total: f32;
  var part_2 = 0.0;
  part_2 += running_sum.x;
  part_2 += running_sum.y;
  part_2 += running_sum.z;
  part_2 += running_sum.w;
  part_2 += subgroupShuffleXor(part_2, 1u);
  part_2 += subgroupShuffleXor(part_2, 2u);
  part_2 += subgroupShuffleXor(part_2, 4u);
  part_2 += subgroupShuffleXor(part_2, 8u);
  total = part_2;
  for (var c_start: i32 = 0; c_start < launch.columns; c_start += 64) {
    let r_at = r_start + ty;
    let c = tx * 4;
    let c_at = c_start + c;
    let x_value = select(vec4<f32>(from_bits(0xff800000u)), x[(r_at * launch.columns + c_at) >> 2u], (r_at < launch.rows) & (c_at < launch.columns));
    let exponential = exp_f32(x_value.x - largest);
    let exponential_2 = exp_f32(x_value.y - largest);
    let exponential_3 = exp_f32(x_value.z - largest);
    let exponential_4 = exp_f32(x_value.w - largest);
    if ((r_at < launch.rows) & (c_at < launch.columns)) { out[(r_at * launch.columns + c_at) >> 2u] = vec4<f32>(exponential / total, exponential_2 / total, exponential_3 / total, exponential_4 / total); }
  }
}
