// layerNormGradient [16x64 long]: dx = f(rstd (g − mean g − x̂ mean(g x̂))), and partial sums of dγ, dβ per block of rows
// tiles: r 16, c 64; workgroup: 16 × 16 threads, each with up to c 4 elements of a tile
//   read x[r * columns + c], r < rows, c < columns (vec4<f32>)
//   read gamma[c], c < columns (vec4<f32>)
//   read mean[r], r < rows (f32)
//   read rstd[r], r < rows (f32)
//   read dy[r * columns + c], r < rows, c < columns (vec4<f32>)
//   write dx[r * columns + c], r < rows, c < columns (vec4<f32>)
//   write gammaPartial[program_0 * columns + c], c < columns (vec4<f32>)
//   write betaPartial[program_0 * columns + c], c < columns (vec4<f32>)
struct Launch {
  grid_0: i32,
  rows: i32,
  columns: i32,
}
@group(0) @binding(0) var<uniform> launch: Launch;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> gamma: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> mean: array<f32>;
@group(0) @binding(4) var<storage, read> rstd: array<f32>;
@group(0) @binding(5) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> dx: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> gammaPartial: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read_write> betaPartial: array<vec4<f32>>;
var<workgroup> parts: array<f32, 256>;
var<workgroup> parts_vec4: array<vec4<f32>, 256>;

// by its bits: WGSL may assume that no number is infinite or NaN
fn is_finite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
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
  let quotient = 1.0 / f32(max(launch.columns, 1));
  var mean_value: f32;
  let r_at = r_start + ty;
  mean_value = select(0.0, mean[r_at], r_at < launch.rows);
  var rstd_value: f32;
  rstd_value = select(0.0, rstd[r_at], r_at < launch.rows);
  var running_sum = vec4<f32>();
  var running_sum_2 = vec4<f32>();
  var state = vec4<f32>();
  var state_2 = vec4<f32>();
  for (var iteration: i32 = 0; iteration < launch.columns; iteration += 1024) {
    let smaller = min(launch.columns, iteration + 1024);
    var running_sum_3 = vec4<f32>();
    var running_sum_4 = vec4<f32>();
    for (var c_start: i32 = iteration; c_start < smaller; c_start += 64) {
      var product: vec4<f32>;
      let c = tx * 4;
      let c_at = c_start + c;
      let dy_value = select(vec4<f32>(), dy[(r_at * launch.columns + c_at) >> 2u], (r_at < launch.rows) & (c_at < launch.columns));
      let gamma_value = select(vec4<f32>(), gamma[c_at >> 2u], c_at < launch.columns);
      for (var c_lane = 0; c_lane < 4; c_lane++) {
        product[c_lane] = dy_value[c_lane] * gamma_value[c_lane];
      }
      for (var c_lane = 0; c_lane < 4; c_lane++) {
        running_sum_3[c_lane] = running_sum_3[c_lane] + product[c_lane];
      }
      let x_value = select(vec4<f32>(), x[(r_at * launch.columns + c_at) >> 2u], (r_at < launch.rows) & (c_at < launch.columns));
      for (var c_lane = 0; c_lane < 4; c_lane++) {
        running_sum_4[c_lane] = running_sum_4[c_lane] + (product[c_lane] * ((x_value[c_lane] - mean_value) * rstd_value));
      }
    }
    var sum: vec4<f32>;
    for (var c_lane = 0; c_lane < 4; c_lane++) {
      let difference = running_sum_3[c_lane] - state[c_lane];
      sum[c_lane] = running_sum[c_lane] + difference;
    }
    for (var c_lane = 0; c_lane < 4; c_lane++) {
      let difference = running_sum_3[c_lane] - state[c_lane];
      state[c_lane] = select(0.0, (sum[c_lane] - running_sum[c_lane]) - difference, is_finite(sum[c_lane]));
    }
    var sum_2: vec4<f32>;
    for (var c_lane = 0; c_lane < 4; c_lane++) {
      let difference = running_sum_4[c_lane] - state_2[c_lane];
      sum_2[c_lane] = running_sum_2[c_lane] + difference;
    }
    for (var c_lane = 0; c_lane < 4; c_lane++) {
      let difference = running_sum_4[c_lane] - state_2[c_lane];
      state_2[c_lane] = select(0.0, (sum_2[c_lane] - running_sum_2[c_lane]) - difference, is_finite(sum_2[c_lane]));
    }
    running_sum = sum;
    running_sum_2 = sum_2;
  }
  // sum over c
  var sum_over_c: f32;
  var part = 0.0;
  for (var c_lane = 0; c_lane < 4; c_lane++) {
    part += running_sum[c_lane];
  }
  parts[ty * 16 + tx] = part;
  workgroupBarrier();
  var folded = 0.0;
  for (var i = 0; i < 16; i++) { folded += parts[ty * 16 + i]; }
  sum_over_c = folded;
  // sum over c
  var sum_over_c_2: f32;
  workgroupBarrier();
  var part_2 = 0.0;
  for (var c_lane = 0; c_lane < 4; c_lane++) {
    part_2 += running_sum_2[c_lane];
  }
  parts[ty * 16 + tx] = part_2;
  workgroupBarrier();
  var folded_2 = 0.0;
  for (var i_2 = 0; i_2 < 16; i_2++) { folded_2 += parts[ty * 16 + i_2]; }
  sum_over_c_2 = folded_2;
  for (var c_start: i32 = 0; c_start < launch.columns; c_start += 64) {
    var dy_value: vec4<f32>;
    let c = tx * 4;
    let c_at = c_start + c;
    let dy_value_2 = select(vec4<f32>(), dy[(r_at * launch.columns + c_at) >> 2u], (r_at < launch.rows) & (c_at < launch.columns));
    for (var c_lane = 0; c_lane < 4; c_lane++) {
      dy_value[c_lane] = dy_value_2[c_lane];
    }
    var product: vec4<f32>;
    let x_value = select(vec4<f32>(), x[(r_at * launch.columns + c_at) >> 2u], (r_at < launch.rows) & (c_at < launch.columns));
    for (var c_lane = 0; c_lane < 4; c_lane++) {
      product[c_lane] = (x_value[c_lane] - mean_value) * rstd_value;
    }
    var four: vec4<f32>;
    let gamma_value = select(vec4<f32>(), gamma[c_at >> 2u], c_at < launch.columns);
    for (var c_lane = 0; c_lane < 4; c_lane++) {
      let difference = ((dy_value[c_lane] * gamma_value[c_lane]) - (sum_over_c * quotient)) - (product[c_lane] * (sum_over_c_2 * quotient));
      four[c_lane] = rstd_value * difference;
    }
    if ((r_at < launch.rows) & (c_at < launch.columns)) { dx[(r_at * launch.columns + c_at) >> 2u] = four; }
    // sum over r
    var sum_over_r: vec4<f32>;
    workgroupBarrier();
    var part_3 = vec4<f32>(0.0);
    for (var c_lane = 0; c_lane < 4; c_lane++) {
      part_3[c_lane] += dy_value[c_lane] * product[c_lane];
    }
    parts_vec4[ty * 16 + tx] = part_3;
    workgroupBarrier();
    var folded_3 = vec4<f32>(0.0);
    for (var i_3 = 0; i_3 < 16; i_3++) { folded_3 += parts_vec4[i_3 * 16 + tx]; }
    sum_over_r = folded_3;
    if ((c_at < launch.columns) & (ty == 0)) { gammaPartial[(program_0 * launch.columns + c_at) >> 2u] = sum_over_r; }
    // sum over r
    var sum_over_r_2: vec4<f32>;
    workgroupBarrier();
    var part_4 = vec4<f32>(0.0);
    for (var c_lane = 0; c_lane < 4; c_lane++) {
      part_4[c_lane] += dy_value[c_lane];
    }
    parts_vec4[ty * 16 + tx] = part_4;
    workgroupBarrier();
    var folded_4 = vec4<f32>(0.0);
    for (var i_4 = 0; i_4 < 16; i_4++) { folded_4 += parts_vec4[i_4 * 16 + tx]; }
    sum_over_r_2 = folded_4;
    if ((c_at < launch.columns) & (ty == 0)) { betaPartial[(program_0 * launch.columns + c_at) >> 2u] = sum_over_r_2; }
  }
}
