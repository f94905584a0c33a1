// crfForward [8x132]: log-partition of a linear-chain CRF, and its distance to the score of the tags
// tiles: b 8, y 132, u 132, z 132, t 32; stage: 8; workgroup: 32 × 8 threads, each with up to y 5, u 17, z 5 elements of a tile
//   read emissions[b * (time * labels) + … * labels + y], b < batch, y < labels (f32)
//   read transitions[u * labels + z], u < labels, z < labels (f32)
//   read start[y], y < labels (f32)
//   read stop[y], y < labels (f32)
//   read lengths[b], b < batch (i32)
//   read level[y], y < labels (f32)
//   read weights[y * labels + z], y < labels, z < labels (f32)
//   read tags[b * time + t], b < batch, t < time (i32)
//   write alpha[b * (time * labels) + … * labels + y], b < batch, y < labels (f32)
//   write offset[b * time + …], b < batch (f32)
//   write loss[b], b < batch (f32)
//   write logZ[b], b < batch (f32)
struct Launch {
  grid_0: i32,
  batch: i32,
  time: i32,
  labels: i32,
  emissions_base: i32,
  transitions_base: i32,
  start_base: i32,
  stop_base: i32,
  level_base: i32,
  weights_base: i32,
  lengths_base: i32,
  tags_base: i32,
  alpha_base: i32,
  offset_base: i32,
  loss_base: i32,
  logZ_base: i32,
}
@group(0) @binding(0) var<uniform> launch: Launch;
@group(0) @binding(1) var<storage, read> operands_f32: array<f32>;
@group(0) @binding(2) var<storage, read> operands_i32: array<i32>;
@group(0) @binding(3) var<storage, read_write> results_f32: array<f32>;
var<workgroup> uniform_12: i32;
var<workgroup> parts_i32: array<i32, 8>;
var<workgroup> parts: array<f32, 256>;
var<workgroup> left_tile: array<f32, 1188>;
var<workgroup> right_tile: array<f32, 528>;
var<workgroup> uniform_51: f32;
var<workgroup> exchange: array<f32, 160>;

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

// log x = e log 2 + log(1 + f), from the bits alone: devices may take subnormal numbers for 0 and know no infinities
fn log_f32(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let magnitude = bits & 0x7fffffffu;
  let tiny = bits < 0x800000u;
  let shifted = bitcast<i32>(select(bits, bitcast<u32>(f32(bits)), tiny)) - 1060439283;
  let e = f32((shifted >> 23u) - select(0, 149, tiny));
  let f = bitcast<f32>((shifted & 8388607) + 1060439283) - 1.0;
  let s = f / (2.0 + f);
  let z = s * s;
  let half_square = 0.5 * f * f;
  let tail = fma(s, fma(z, fma(fma(0.298730731010437, z, 0.399774968624115), z, 0.6666677594184875), half_square), e * 0.000001428606765330187);
  let usual = fma(e, 0.693145751953125, f - (half_square - tail));
  // infinity and NaN are themselves, negative numbers NaN, zeros the negative infinity
  let past = select(bits | 0x7fc00000u, bits, bits == 0x7f800000u);
  let special = bitcast<f32>(select(past, bits | 0xff800000u, magnitude == 0u));
  return select(usual, special, (magnitude == 0u) | (bits >= 0x7f800000u));
}

fn from_bits(bits: u32) -> f32 {
  return bitcast<f32>(bits);
}

// NaN where either is: of x by its comparison, of y by its bits
fn min_f32(x: f32, y: f32) -> f32 {
  return select(x, y, (y < x) | (bitcast<u32>(abs(y)) > 0x7f800000u));
}

// NaN where either is: of x by its comparison, of y by its bits
fn max_f32(x: f32, y: f32) -> f32 {
  return select(x, y, (y > x) | (bitcast<u32>(abs(y)) > 0x7f800000u));
}

@compute @workgroup_size(32, 8)
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
  let lane = ty * 32 + tx;

  let b_start = program_0 * 8;
  var lengths_value: i32;
  let b_at = b_start + ty;
  lengths_value = select(0, operands_i32[launch.lengths_base + b_at], b_at < launch.batch);
  let product = launch.time * launch.labels;
  let smaller = min(launch.batch - b_start, 8);
  // max over b
  var part = i32(-2147483648);
  part = max(part, lengths_value);
  if (tx == 0) { parts_i32[ty] = part; }
  workgroupBarrier();
  if (lane == 0) {
    var folded = i32(-2147483648);
    for (var i = 0; i < 8; i++) { folded = max(folded, parts_i32[i]); }
    uniform_12 = folded;
  }
  let max_over_b = workgroupUniformLoad(&uniform_12);
  var level_value: array<f32, 5>;
  for (var y_i = 0; y_i < 5; y_i++) {
    let y = tx + y_i * 32;
    level_value[y_i] = select(from_bits(0xff800000u), operands_f32[launch.level_base + y], y < launch.labels);
  }
  let smaller_2 = min(launch.time, 1);
  var state = array<f32, 5>();
  var state_2 = f32();
  for (var iteration: i32 = 0; iteration < smaller_2; iteration += 1) {
    var sum: array<f32, 5>;
    for (var y_i = 0; y_i < 5; y_i++) {
      let y = tx + y_i * 32;
      let start_value = select(0.0, operands_f32[launch.start_base + y], y < launch.labels);
      sum[y_i] = 0.0 + start_value;
    }
    var sum_2: array<f32, 5>;
    for (var y_i = 0; y_i < 5; y_i++) {
      let y = tx + y_i * 32;
      let emissions_value = select(0.0, operands_f32[launch.emissions_base + b_at * product + iteration * launch.labels + y], (b_at < launch.batch) & (y < launch.labels));
      sum_2[y_i] = sum[y_i] + (select(from_bits(0xff800000u), 0.0, y < launch.labels) + emissions_value);
    }
    // max over y
    var max_over_y: f32;
    workgroupBarrier();
    var part_2 = from_bits(0xff800000u);
    for (var y_i = 0; y_i < 5; y_i++) {
      let y = tx + y_i * 32;
      if (y < 132) { part_2 = max_f32(part_2, sum_2[y_i]); }
    }
    parts[ty * 32 + tx] = part_2;
    workgroupBarrier();
    if (tx < 2) {
      var folded = from_bits(0xff800000u);
      for (var i = tx; i < 32; i += 2) { folded = max_f32(folded, parts[ty * 32 + i]); }
      parts[ty * 32 + tx] = folded;
    }
    workgroupBarrier();
    var folded = from_bits(0xff800000u);
    for (var i = 0; i < 2; i++) { folded = max_f32(folded, parts[ty * 32 + i]); }
    max_over_y = folded;
    let larger = max_f32(min_f32(max_over_y, 3.4028234663852886e+38), -3.4028234663852886e+38);
    state_2 = floor(larger);
    for (var y_i = 0; y_i < 5; y_i++) {
      state[y_i] = sum_2[y_i] - state_2;
    }
    for (var y_i = 0; y_i < 5; y_i++) {
      let y = tx + y_i * 32;
      if ((b_at < launch.batch) & (y < launch.labels) & (y < 132)) { results_f32[launch.alpha_base + b_at * product + iteration * launch.labels + y] = sum[y_i]; }
    }
    if ((b_at < launch.batch) & (tx == 0)) { results_f32[launch.offset_base + b_at * launch.time + iteration] = state_2; }
  }
  var state_3: array<f32, 5>;
  for (var y_i = 0; y_i < 5; y_i++) {
    state_3[y_i] = state[y_i];
  }
  var state_4: f32;
  state_4 = state_2;
  for (var iteration: i32 = 1; iteration < max_over_b; iteration += 1) {
    // products summed over y
    for (var y_i = 0; y_i < 5; y_i++) {
      let y = tx + y_i * 32;
      if (y < 132) { left_tile[y * 9 + ty] = exp_f32(state_3[y_i]); }
    }
    var dot_over_y: array<f32, 5>;
    for (var z_i = 0; z_i < 5; z_i++) {
      let z = tx + z_i * 32;
      dot_over_y[z_i] = 0.0 + select(1.0, 0.0, z < launch.labels);
    }
    let y_end = min(132, launch.labels);
    for (var y_first = 0; y_first < y_end; y_first += 4) {
      for (var item = lane; item < 528; item += 256) {
        let y_slice = item / 132;
        let z = item % 132;
        let y = y_first + y_slice;
        right_tile[y_slice * 132 + z] = select(0.0, operands_f32[launch.weights_base + y * launch.labels + z], (y < launch.labels) & (z < launch.labels));
      }
      workgroupBarrier();
      for (var slice = 0; slice < 4; slice++) {
        var right: array<f32, 5>;
        for (var right_i = 0; right_i < 5; right_i++) {
          right[right_i] = right_tile[slice * 132 + tx + right_i * 32];
        }
        let left = left_tile[(y_first + slice) * 9 + ty];
        for (var z_i = 0; z_i < 5; z_i++) {
          dot_over_y[z_i] = fma(left, right[z_i], dot_over_y[z_i]);
        }
      }
      workgroupBarrier();
    }
    // max over b and z
    var part_2 = from_bits(0xff800000u);
    for (var z_i = 0; z_i < 5; z_i++) {
      let z = tx + z_i * 32;
      if (z < 132) { part_2 = max_f32(part_2, -dot_over_y[z_i]); }
    }
    parts[lane] = part_2;
    workgroupBarrier();
    if (lane < 16) {
      var folded = from_bits(0xff800000u);
      for (var i = lane; i < 256; i += 16) { folded = max_f32(folded, parts[i]); }
      parts[lane] = folded;
    }
    workgroupBarrier();
    if (lane == 0) {
      var folded = from_bits(0xff800000u);
      for (var i = 0; i < 16; i++) { folded = max_f32(folded, parts[i]); }
      uniform_51 = folded;
    }
    let max_over_bz = workgroupUniformLoad(&uniform_51);
    let chosen = select(0, 1, !(max_over_bz <= -1e-30));
    var state_5: array<f32, 5>;
    for (var z_i = 0; z_i < 5; z_i++) {
      state_5[z_i] = log_f32(select(dot_over_y[z_i], 1e-30, dot_over_y[z_i] < 1e-30));
    }
    for (var iteration_2: i32 = 0; iteration_2 < chosen; iteration_2 += 1) {
      var difference: array<f32, 85>;
      for (var u_i = 0; u_i < 17; u_i++) {
        let u = ty + u_i * 8;
        for (var z_i = 0; z_i < 5; z_i++) {
          let z = tx + z_i * 32;
          let transitions_value = select(from_bits(0xff800000u), operands_f32[launch.transitions_base + u * launch.labels + z], (u < launch.labels) & (z < launch.labels));
          let level_value_2 = select(0.0, operands_f32[launch.level_base + z], z < launch.labels);
          difference[u_i * 5 + z_i] = transitions_value - level_value_2;
        }
      }
      var state_6 = array<f32, 5>();
      for (var iteration_3: i32 = 0; iteration_3 < smaller; iteration_3 += 1) {
        // sum over b
        var sum_over_b: array<f32, 5>;
        for (var y_i = 0; y_i < 5; y_i++) {
          var part_3 = 0.0;
          let equal = ty == iteration_3;
          part_3 += select(0.0, state_3[y_i], equal);
          parts[ty * 32 + tx] = part_3;
          workgroupBarrier();
          var folded = 0.0;
          for (var i = 0; i < 8; i++) { folded += parts[i * 32 + tx]; }
          sum_over_b[y_i] = folded;
          workgroupBarrier();
        }
        // y becomes u: elements change threads
        for (var y_i = 0; y_i < 5; y_i++) {
          let y = tx + y_i * 32;
          if (ty == 0) { exchange[y] = sum_over_b[y_i]; }
        }
        workgroupBarrier();
        var along_u: array<f32, 17>;
        for (var u_i = 0; u_i < 17; u_i++) {
          let u = ty + u_i * 8;
          along_u[u_i] = exchange[min(u, 131)];
        }
        var sum: array<f32, 85>;
        for (var u_i = 0; u_i < 17; u_i++) {
          for (var z_i = 0; z_i < 5; z_i++) {
            sum[u_i * 5 + z_i] = along_u[u_i] + difference[u_i * 5 + z_i];
          }
        }
        // max over u
        var max_over_u: array<f32, 5>;
        for (var z_i = 0; z_i < 5; z_i++) {
          var part_3 = from_bits(0xff800000u);
          for (var u_i = 0; u_i < 17; u_i++) {
            let u = ty + u_i * 8;
            if (u < 132) { part_3 = max_f32(part_3, sum[u_i * 5 + z_i]); }
          }
          parts[ty * 32 + tx] = part_3;
          workgroupBarrier();
          var folded = from_bits(0xff800000u);
          for (var i = 0; i < 8; i++) { folded = max_f32(folded, parts[i * 32 + tx]); }
          max_over_u[z_i] = folded;
          workgroupBarrier();
        }
        // sum over u
        var sum_over_u: array<f32, 5>;
        for (var z_i = 0; z_i < 5; z_i++) {
          var part_3 = 0.0;
          let larger = max_f32(min_f32(max_over_u[z_i], 3.4028234663852886e+38), -3.4028234663852886e+38);
          for (var u_i = 0; u_i < 17; u_i++) {
            let exponential = exp_f32(sum[u_i * 5 + z_i] - larger);
            let u = ty + u_i * 8;
            if (u < 132) { part_3 += exponential; }
          }
          parts[ty * 32 + tx] = part_3;
          workgroupBarrier();
          var folded = 0.0;
          for (var i = 0; i < 8; i++) { folded += parts[i * 32 + tx]; }
          sum_over_u[z_i] = folded;
          workgroupBarrier();
        }
        let equal = ty == iteration_3;
        for (var z_i = 0; z_i < 5; z_i++) {
          let larger = max_f32(min_f32(max_over_u[z_i], 3.4028234663852886e+38), -3.4028234663852886e+38);
          state_6[z_i] = select(state_6[z_i], log_f32(sum_over_u[z_i]) + larger, equal);
        }
      }
      state_5 = state_6;
    }
    var sum: array<f32, 5>;
    for (var y_i = 0; y_i < 5; y_i++) {
      let y = tx + y_i * 32;
      let emissions_value = select(0.0, operands_f32[launch.emissions_base + b_at * product + iteration * launch.labels + y], (b_at < launch.batch) & (y < launch.labels));
      sum[y_i] = state_5[y_i] + (level_value[y_i] + emissions_value);
    }
    // max over y
    var max_over_y: f32;
    var part_3 = from_bits(0xff800000u);
    for (var y_i = 0; y_i < 5; y_i++) {
      let y = tx + y_i * 32;
      if (y < 132) { part_3 = max_f32(part_3, sum[y_i]); }
    }
    parts[ty * 32 + tx] = part_3;
    workgroupBarrier();
    if (tx < 2) {
      var folded = from_bits(0xff800000u);
      for (var i = tx; i < 32; i += 2) { folded = max_f32(folded, parts[ty * 32 + i]); }
      parts[ty * 32 + tx] = folded;
    }
    workgroupBarrier();
    var folded = from_bits(0xff800000u);
    for (var i = 0; i < 2; i++) { folded = max_f32(folded, parts[ty * 32 + i]); }
    max_over_y = folded;
    var floored: f32;
    let larger = max_f32(min_f32(max_over_y, 3.4028234663852886e+38), -3.4028234663852886e+38);
    floored = floor(larger);
    for (var y_i = 0; y_i < 5; y_i++) {
      let y = tx + y_i * 32;
      if ((b_at < launch.batch) & (y < launch.labels) & (y < 132)) { results_f32[launch.alpha_base + b_at * product + iteration * launch.labels + y] = state_5[y_i]; }
    }
    if ((b_at < launch.batch) & (tx == 0)) { results_f32[launch.offset_base + b_at * launch.time + iteration] = floored; }
    var below: bool;
    below = iteration < lengths_value;
    for (var y_i = 0; y_i < 5; y_i++) {
      state_3[y_i] = select(state_3[y_i], sum[y_i] - floored, below);
    }
    state_4 = select(state_4, state_4 + floored, below);
  }
  let larger = max(max_over_b, 1);
  for (var iteration: i32 = larger; iteration < launch.time; iteration += 1) {
    for (var y_i = 0; y_i < 5; y_i++) {
      let y = tx + y_i * 32;
      if ((b_at < launch.batch) & (y < launch.labels) & (y < 132)) { results_f32[launch.alpha_base + b_at * product + iteration * launch.labels + y] = 0.0; }
    }
    if ((b_at < launch.batch) & (tx == 0)) { results_f32[launch.offset_base + b_at * launch.time + iteration] = 0.0; }
  }
  var sum: array<f32, 5>;
  for (var y_i = 0; y_i < 5; y_i++) {
    let y = tx + y_i * 32;
    let stop_value = select(0.0, operands_f32[launch.stop_base + y], y < launch.labels);
    sum[y_i] = state_3[y_i] + stop_value;
  }
  // max over y
  var max_over_y: f32;
  workgroupBarrier();
  var part_2 = from_bits(0xff800000u);
  for (var y_i = 0; y_i < 5; y_i++) {
    let y = tx + y_i * 32;
    if (y < 132) { part_2 = max_f32(part_2, sum[y_i]); }
  }
  parts[ty * 32 + tx] = part_2;
  workgroupBarrier();
  if (tx < 2) {
    var folded = from_bits(0xff800000u);
    for (var i = tx; i < 32; i += 2) { folded = max_f32(folded, parts[ty * 32 + i]); }
    parts[ty * 32 + tx] = folded;
  }
  workgroupBarrier();
  var folded = from_bits(0xff800000u);
  for (var i = 0; i < 2; i++) { folded = max_f32(folded, parts[ty * 32 + i]); }
  max_over_y = folded;
  // sum over y
  var sum_over_y: f32;
  workgroupBarrier();
  var part_3 = 0.0;
  let larger_2 = max_f32(min_f32(max_over_y, 3.4028234663852886e+38), -3.4028234663852886e+38);
  for (var y_i = 0; y_i < 5; y_i++) {
    let exponential = exp_f32(sum[y_i] - larger_2);
    let y = tx + y_i * 32;
    if (y < 132) { part_3 += exponential; }
  }
  parts[ty * 32 + tx] = part_3;
  workgroupBarrier();
  if (tx < 2) {
    var folded_2 = 0.0;
    for (var i_2 = tx; i_2 < 32; i_2 += 2) { folded_2 += parts[ty * 32 + i_2]; }
    parts[ty * 32 + tx] = folded_2;
  }
  workgroupBarrier();
  var folded_2 = 0.0;
  for (var i_2 = 0; i_2 < 2; i_2++) { folded_2 += parts[ty * 32 + i_2]; }
  sum_over_y = folded_2;
  var sum_2: f32;
  sum_2 = log_f32(sum_over_y) + larger_2;
  var running_sum = f32();
  var running_sum_2 = f32();
  for (var t_start: i32 = 0; t_start < max_over_b; t_start += 32) {
    var below: bool;
    let sum_3 = tx + t_start;
    below = sum_3 < lengths_value;
    var chosen: i32;
    let t_at = t_start + tx;
    let tags_value = select(0, operands_i32[launch.tags_base + b_at * launch.time + t_at], (b_at < launch.batch) & (t_at < launch.time));
    chosen = select(0, tags_value, below);
    var chosen_2: f32;
    let emissions_value = select(0.0, operands_f32[launch.emissions_base + b_at * product + t_at * launch.labels + chosen], (b_at < launch.batch) & (t_at < launch.time));
    chosen_2 = select(0.0, emissions_value, below);
    var chosen_3: f32;
    let both = below & (0 < sum_3);
    let tags_value_2 = select(0, operands_i32[launch.tags_base + b_at * launch.time + min(max(sum_3 - 1, 0), launch.time - 1)], b_at < launch.batch);
    let transitions_value = operands_f32[launch.transitions_base + select(0, tags_value_2, both) * launch.labels + chosen];
    chosen_3 = select(0.0, transitions_value, both);
    var floored: f32;
    let larger_3 = max_f32(min_f32(chosen_2, 3.4028234663852886e+38), -3.4028234663852886e+38);
    floored = floor(larger_3);
    var floored_2: f32;
    let larger_4 = max_f32(min_f32(chosen_3, 3.4028234663852886e+38), -3.4028234663852886e+38);
    floored_2 = floor(larger_4);
    running_sum = (running_sum + floored) + floored_2;
    running_sum_2 = (running_sum_2 + (chosen_2 - floored)) + (chosen_3 - floored_2);
  }
  // sum over t
  var sum_over_t: f32;
  workgroupBarrier();
  var part_4 = 0.0;
  part_4 += running_sum;
  parts[ty * 32 + tx] = part_4;
  workgroupBarrier();
  if (tx < 2) {
    var folded_3 = 0.0;
    for (var i_3 = tx; i_3 < 32; i_3 += 2) { folded_3 += parts[ty * 32 + i_3]; }
    parts[ty * 32 + tx] = folded_3;
  }
  workgroupBarrier();
  var folded_3 = 0.0;
  for (var i_3 = 0; i_3 < 2; i_3++) { folded_3 += parts[ty * 32 + i_3]; }
  sum_over_t = folded_3;
  // sum over t
  var sum_over_t_2: f32;
  workgroupBarrier();
  var part_5 = 0.0;
  part_5 += running_sum_2;
  parts[ty * 32 + tx] = part_5;
  workgroupBarrier();
  if (tx < 2) {
    var folded_4 = 0.0;
    for (var i_4 = tx; i_4 < 32; i_4 += 2) { folded_4 += parts[ty * 32 + i_4]; }
    parts[ty * 32 + tx] = folded_4;
  }
  workgroupBarrier();
  var folded_4 = 0.0;
  for (var i_4 = 0; i_4 < 2; i_4++) { folded_4 += parts[ty * 32 + i_4]; }
  sum_over_t_2 = folded_4;
  var running_sum_3: f32;
  running_sum_3 = sum_over_t;
  var running_sum_4: f32;
  running_sum_4 = sum_over_t_2;
  for (var iteration: i32 = 0; iteration < smaller_2; iteration += 1) {
    var below: bool;
    below = 0 < lengths_value;
    var start_value: f32;
    let tags_value = select(0, operands_i32[launch.tags_base + b_at * launch.time], b_at < launch.batch);
    start_value = operands_f32[launch.start_base + select(0, tags_value, below)];
    var stop_value: f32;
    let tags_value_2 = select(0, operands_i32[launch.tags_base + b_at * launch.time + max(lengths_value - 1, 0)], b_at < launch.batch);
    stop_value = operands_f32[launch.stop_base + select(0, tags_value_2, below)];
    var floored: f32;
    let larger_3 = max_f32(min_f32(start_value, 3.4028234663852886e+38), -3.4028234663852886e+38);
    floored = floor(larger_3);
    var floored_2: f32;
    let larger_4 = max_f32(min_f32(stop_value, 3.4028234663852886e+38), -3.4028234663852886e+38);
    floored_2 = floor(larger_4);
    running_sum_3 = (sum_over_t + floored) + floored_2;
    running_sum_4 = (sum_over_t_2 + (start_value - floored)) + (stop_value - floored_2);
  }
  var below: bool;
  below = 0 < lengths_value;
  let larger_3 = max_f32(min_f32(running_sum_4, 3.4028234663852886e+38), -3.4028234663852886e+38);
  let floored = floor(larger_3);
  let sum_3 = (state_4 - (running_sum_3 + floored)) + (sum_2 - (running_sum_4 - floored));
  if ((b_at < launch.batch) & (tx == 0)) { results_f32[launch.loss_base + b_at] = select(0.0, select(sum_3, 0.0, sum_3 < 0.0), below); }
  if ((b_at < launch.batch) & (tx == 0)) { results_f32[launch.logZ_base + b_at] = select(0.0, state_4 + sum_2, below); }
}
