// attention [20x20x32 exact causal masked dropout]: out = softmax(scale · q kᵀ) v per head, one block of queries per program
// tiles: i 20, j 20, d 32; stage: 16; workgroup: 8 × 16 threads, each with up to i 2, j 3, d 4 elements of a tile
//   read q[program_2 * (queryTime * (heads * 32)) + program_1 * 32 + i * (heads * 32) + d], i < queryTime, d < 32 (vec4<f32>)
//   read k[program_2 * (keyTime * (heads * 32)) + program_1 * 32 + j * (heads * 32) + d], j < keyTime, d < 32 (vec4<f32>)
//   read v[program_2 * (keyTime * (heads * 32)) + program_1 * 32 + j * (heads * 32) + d], j < keyTime, d < 32 (vec4<f32>)
//   write out[program_2 * (queryTime * (heads * 32)) + program_1 * 32 + i * (heads * 32) + d], i < queryTime, d < 32 (vec4<f32>)
//   write lse[((program_2 * heads) + program_1) * queryTime + i], i < queryTime (f32)
//   read mask[program_2 * keyTime + j], j < keyTime (u32)
//   read key[0] (u32)
struct Launch {
  grid_0: i32,
  grid_1: i32,
  grid_2: i32,
  scale: f32,
  heads: i32,
  queryTime: i32,
  keyTime: i32,
  stream: u32,
  threshold: u32,
  inverseKeep: f32,
}
@group(0) @binding(0) var<uniform> launch: Launch;
@group(0) @binding(1) var<storage, read> q: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> k: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> v: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> out: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> lse: array<f32>;
@group(0) @binding(6) var<storage, read> mask: array<u32>;
@group(0) @binding(7) var<storage, read> key: array<u32>;
var<workgroup> left_tile: array<f32, 420>;
var<workgroup> right_tile: array<f32, 336>;
var<workgroup> parts: array<f32, 256>;
var<workgroup> right_tile_vec4: array<vec4<f32>, 32>;

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

// log x = e log 2 + log(1 + f); what is not a positive normal number is left to the device
fn log_f32(x: f32) -> f32 {
  let shifted = bitcast<i32>(x) - 1060439283;
  let e = f32(shifted >> 23u);
  let f = bitcast<f32>((shifted & 8388607) + 1060439283) - 1.0;
  let s = f / (2.0 + f);
  let z = s * s;
  let half = 0.5 * f * f;
  let tail = fma(s, fma(z, fma(fma(0.298730731010437, z, 0.399774968624115), z, 0.6666677594184875), half), e * 0.000001428606765330187);
  return select(fma(e, 0.693145751953125, f - (half - tail)), log(x), x < 1.1754943508222875e-38);
}

fn rotate_left(x: u32, bits: u32) -> u32 {
  return (x << bits) | (x >> (32u - bits));
}
// Threefry-2x32, 20 rounds (Salmon et al. 2011)
fn threefry(key: vec2<u32>, counter: vec2<u32>) -> vec2<u32> {
  var keys = array<u32, 3>(key.x, key.y, 0x1bd11bdau ^ key.x ^ key.y);
  var rotations = array<u32, 8>(13u, 15u, 26u, 6u, 17u, 29u, 16u, 24u);
  var x = counter.x + keys[0];
  var y = counter.y + keys[1];
  for (var block = 0u; block < 5u; block++) {
    for (var round = 0u; round < 4u; round++) {
      x += y;
      y = rotate_left(y, rotations[(block % 2u) * 4u + round]) ^ x;
    }
    x += keys[(block + 1u) % 3u];
    y += keys[(block + 2u) % 3u] + block + 1u;
  }
  return vec2<u32>(x, y);
}

@compute @workgroup_size(8, 16)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
) {
  let program = i32(group.x + group.y * groups.x);
  if (program >= launch.grid_0 * launch.grid_1 * launch.grid_2) { return; }
  let program_0 = program % launch.grid_0;
  let program_1 = (program / launch.grid_0) % launch.grid_1;
  let program_2 = program / (launch.grid_0 * launch.grid_1);
  let tx = i32(local.x);
  let ty = i32(local.y);
  let lane = ty * 8 + tx;

  let product = launch.heads * 32;
  let sum = (program_2 * launch.heads) + program_1;
  let key_value = key[0];
  let key_value_2 = key[1];
  let i_start = program_0 * 20;
  let product_2 = launch.queryTime * product;
  let smaller = min(launch.keyTime, i_start + 20);
  var largest: array<f32, 2>;
  for (var i_i = 0; i_i < 2; i_i++) {
    largest[i_i] = -1e+30;
  }
  var total = array<f32, 2>();
  var output = array<vec4<f32>, 2>();
  for (var j_start: i32 = 0; j_start < smaller; j_start += 20) {
    let product_3 = launch.keyTime * product;
    // products summed over d
    var scores = array<f32, 6>();
    for (var d_first = 0; d_first < 32; d_first += 16) {
      for (var item = lane; item < 320; item += 128) {
        let d_step = item % 16;
        let i = item / 16;
        let i_at = i_start + i;
        let d = d_first + d_step;
        let q_at = program_2 * product_2 + program_1 * 32 + i_at * product + d;
        let q_value = select(0.0, q[q_at >> 2u][q_at & 3], i_at < launch.queryTime);
        left_tile[d_step * 21 + i] = q_value * launch.scale;
      }
      for (var item_2 = lane; item_2 < 320; item_2 += 128) {
        let d_step = item_2 % 16;
        let j = item_2 / 16;
        let j_at = j_start + j;
        let d = d_first + d_step;
        let k_at = program_2 * product_3 + program_1 * 32 + j_at * product + d;
        right_tile[d_step * 21 + j] = select(0.0, k[k_at >> 2u][k_at & 3], j_at < launch.keyTime);
      }
      workgroupBarrier();
      for (var step = 0; step < 16; step++) {
        var right: array<f32, 3>;
        for (var right_i = 0; right_i < 3; right_i++) {
          right[right_i] = right_tile[step * 21 + tx + right_i * 8];
        }
        for (var i_i = 0; i_i < 2; i_i++) {
          let left = left_tile[step * 21 + ty + i_i * 16];
          for (var j_i = 0; j_i < 3; j_i++) {
            scores[i_i * 3 + j_i] = fma(left, right[j_i], scores[i_i * 3 + j_i]);
          }
        }
      }
      workgroupBarrier();
    }
    var masked: array<f32, 6>;
    for (var i_i = 0; i_i < 2; i_i++) {
      let i = ty + i_i * 16;
      for (var j_i = 0; j_i < 3; j_i++) {
        let j = tx + j_i * 8;
        let j_at = j_start + j;
        let mask_value = select(0u, mask[program_2 * launch.keyTime + j_at], j_at < launch.keyTime);
        let both = ((j_at < launch.keyTime) & (mask_value != 0u)) & ((j + j_start) <= (i + i_start));
        masked[i_i * 3 + j_i] = select(-1e+30, scores[i_i * 3 + j_i], both);
      }
    }
    // max over j
    var max_over_j: array<f32, 2>;
    for (var i_i = 0; i_i < 2; i_i++) {
      var part = -3.4028234663852886e38;
      for (var j_i = 0; j_i < 3; j_i++) {
        let j = tx + j_i * 8;
        if (j < 20) { part = max(part, masked[i_i * 3 + j_i]); }
      }
      parts[(ty + i_i * 16) * 8 + tx] = part;
    }
    workgroupBarrier();
    for (var i_i = 0; i_i < 2; i_i++) {
      var folded = -3.4028234663852886e38;
      for (var i = 0; i < 8; i++) { folded = max(folded, parts[(ty + i_i * 16) * 8 + i]); }
      max_over_j[i_i] = folded;
    }
    var most: array<f32, 2>;
    for (var i_i = 0; i_i < 2; i_i++) {
      most[i_i] = max(largest[i_i], max_over_j[i_i]);
    }
    var weights: array<f32, 6>;
    for (var i_i = 0; i_i < 2; i_i++) {
      for (var j_i = 0; j_i < 3; j_i++) {
        weights[i_i * 3 + j_i] = exp_f32(masked[i_i * 3 + j_i] - select(most[i_i], 0.0, most[i_i] <= -1e+30));
      }
    }
    var shrink: array<f32, 2>;
    for (var i_i = 0; i_i < 2; i_i++) {
      shrink[i_i] = exp_f32(largest[i_i] - most[i_i]);
    }
    // sum over j
    var sum_over_j: array<f32, 2>;
    workgroupBarrier();
    for (var i_i = 0; i_i < 2; i_i++) {
      var part = 0.0;
      for (var j_i = 0; j_i < 3; j_i++) {
        let j = tx + j_i * 8;
        if (j < 20) { part += weights[i_i * 3 + j_i]; }
      }
      parts[(ty + i_i * 16) * 8 + tx] = part;
    }
    workgroupBarrier();
    for (var i_i = 0; i_i < 2; i_i++) {
      var folded = 0.0;
      for (var i = 0; i < 8; i++) { folded += parts[(ty + i_i * 16) * 8 + i]; }
      sum_over_j[i_i] = folded;
    }
    for (var i_i = 0; i_i < 2; i_i++) {
      total[i_i] = (total[i_i] * shrink[i_i]) + sum_over_j[i_i];
    }
    // products summed over j
    for (var i_i = 0; i_i < 2; i_i++) {
      let i = ty + i_i * 16;
      for (var j_i = 0; j_i < 3; j_i++) {
        let j = tx + j_i * 8;
        let sum_2 = (j + j_start) + (((i + i_start) + (sum * launch.queryTime)) * launch.keyTime);
        let word = threefry(vec2<u32>(key_value ^ launch.stream, key_value_2), vec2<u32>(u32(sum_2), 0u)).x;
        if ((i < 20) & (j < 20)) { left_tile[j * 21 + i] = weights[i_i * 3 + j_i] * select(0.0, launch.inverseKeep, word < launch.threshold); }
      }
    }
    for (var i_i = 0; i_i < 2; i_i++) {
      for (var d_lane = 0; d_lane < 4; d_lane++) {
        output[i_i][d_lane] = output[i_i][d_lane] * shrink[i_i];
      }
    }
    let j_end = min(20, launch.keyTime - j_start);
    for (var j_first = 0; j_first < j_end; j_first += 4) {
      if (lane < 32) {
        let j_step = lane / 8;
        let d_vector = lane % 8;
        let j = j_first + j_step;
        let j_at = j_start + j;
        let d = d_vector * 4;
        right_tile_vec4[j_step * 8 + d_vector] = select(vec4<f32>(), v[(program_2 * product_3 + program_1 * 32 + j_at * product + d) >> 2u], j_at < launch.keyTime);
      }
      workgroupBarrier();
      for (var step = 0; step < 4; step++) {
        let right = right_tile_vec4[step * 8 + tx];
        for (var i_i = 0; i_i < 2; i_i++) {
          let left = left_tile[(j_first + step) * 21 + ty + i_i * 16];
          output[i_i] = fma(vec4<f32>(left), right, output[i_i]);
        }
      }
      workgroupBarrier();
    }
    largest = most;
  }
  for (var i_i = 0; i_i < 2; i_i++) {
    var four: vec4<f32>;
    let below = 0.0 < total[i_i];
    let chosen = select(1.0, total[i_i], below);
    for (var d_lane = 0; d_lane < 4; d_lane++) {
      four[d_lane] = output[i_i][d_lane] / chosen;
    }
    let i = ty + i_i * 16;
    let i_at = i_start + i;
    let d = tx * 4;
    if ((i_at < launch.queryTime) & (i < 20)) { out[(program_2 * product_2 + program_1 * 32 + i_at * product + d) >> 2u] = four; }
  }
  for (var i_i = 0; i_i < 2; i_i++) {
    let below = 0.0 < total[i_i];
    let chosen = select(1.0, total[i_i], below);
    let i = ty + i_i * 16;
    let i_at = i_start + i;
    if ((i_at < launch.queryTime) & (i < 20) & (tx == 0)) { lse[sum * launch.queryTime + i_at] = select(-1e+30, largest[i_i] + log_f32(chosen), below); }
  }
}
