// attention [32x32x32 exact causal masked dropout]: out = softmax(scale · q kᵀ) v per head, one block of queries per program
// tiles: i 32, j 32, d 32; stage: 8; workgroup: 8 × 8 threads, each with up to i 4, j 4, d 4 elements of a tile
//   read q[program_2 * (queryTime * (heads * 32)) + program_1 * 32 + i * (heads * 32) + d], i < queryTime, d < 32 (vec4<f32>)
//   read k[program_2 * (keyTime * (heads * 32)) + program_1 * 32 + j * (heads * 32) + d], j < keyTime, d < 32 (vec4<f32>)
//   read v[program_2 * (keyTime * (heads * 32)) + program_1 * 32 + j * (heads * 32) + d], j < keyTime, d < 32 (vec4<f32>)
//   write out[program_2 * (queryTime * (heads * 32)) + program_1 * 32 + i * (heads * 32) + d], i < queryTime, d < 32 (vec4<f32>)
//   write levels[((program_2 * heads) + program_1) * (queryTime * 2) + i], i < queryTime (vec4<f32>)
//   read mask[program_2 * keyTime + j], j < keyTime (vec4<u32>)
//   read key[0] (u32)
struct Launch {
  grid_0: i32,
  grid_1: i32,
  grid_2: i32,
  heads: i32,
  queryTime: i32,
  keyTime: i32,
  scale: f32,
  stream: u32,
  threshold: u32,
  inverseKeep: f32,
}
@group(0) @binding(0) var<uniform> launch: Launch;
@group(0) @binding(1) var<storage, read> q: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> k: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> v: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> out: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> levels: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> mask: array<vec4<u32>>;
@group(0) @binding(7) var<storage, read> key: array<u32>;
var<workgroup> left_tile_vec4: array<vec4<f32>, 288>;
var<workgroup> right_tile_vec4: array<vec4<f32>, 72>;
var<workgroup> parts_vec4: array<vec4<f32>, 64>;

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
fn max_f32(x: f32, y: f32) -> f32 {
  return select(x, y, (y > x) | (bitcast<u32>(abs(y)) > 0x7f800000u));
}

// NaN where either is: of x by its comparison, of y by its bits
fn max_f32x4(x: vec4<f32>, y: vec4<f32>) -> vec4<f32> {
  return select(x, y, (y > x) | (bitcast<vec4<u32>>(abs(y)) > vec4<u32>(0x7f800000u)));
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

@compute @workgroup_size(8, 8)
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

  let sum = (program_2 * launch.heads) + program_1;
  let product = launch.heads * 32;
  let i_start = program_0 * 32;
  let key_value = key[0];
  let key_value_2 = key[1];
  let product_2 = launch.queryTime * product;
  let smaller = min(launch.keyTime, i_start + 32);
  var largest: vec4<f32>;
  for (var i_lane = 0; i_lane < 4; i_lane++) {
    largest[i_lane] = from_bits(0xff800000u);
  }
  var total = vec4<f32>();
  var output = array<vec4<f32>, 4>();
  for (var j_start: i32 = 0; j_start < smaller; j_start += 32) {
    let product_3 = launch.keyTime * product;
    // products summed over d
    var scores = array<vec4<f32>, 4>();
    for (var d_first = 0; d_first < 32; d_first += 8) {
      if (lane < 16) {
        let d_slice = (lane % 2) * 4;
        let i_vector = lane / 2;
        var along: array<vec4<f32>, 4>;
        let d = d_first + d_slice;
        for (var along_i = 0; along_i < 4; along_i++) {
          let i = i_vector * 4 + along_i;
          var four: vec4<f32>;
          let i_at = i_start + i;
          let q_value = select(vec4<f32>(), q[(program_2 * product_2 + program_1 * 32 + i_at * product + d) >> 2u], i_at < launch.queryTime);
          for (var d_lane = 0; d_lane < 4; d_lane++) {
            four[d_lane] = q_value[d_lane] * launch.scale;
          }
          along[along_i] = four;
        }
        for (var turn = 0; turn < 4; turn++) {
          left_tile_vec4[(d_slice + turn) * 9 + i_vector] = vec4<f32>(along[0][turn], along[1][turn], along[2][turn], along[3][turn]);
        }
      }
      if ((lane >= 16) & (lane < 32)) {
        let d_slice = ((lane - 16) % 2) * 4;
        let j_vector = (lane - 16) / 2;
        var along: array<vec4<f32>, 4>;
        let d = d_first + d_slice;
        for (var along_i = 0; along_i < 4; along_i++) {
          let j = j_vector * 4 + along_i;
          let j_at = j_start + j;
          along[along_i] = select(vec4<f32>(), k[(program_2 * product_3 + program_1 * 32 + j_at * product + d) >> 2u], j_at < launch.keyTime);
        }
        for (var turn = 0; turn < 4; turn++) {
          right_tile_vec4[(d_slice + turn) * 9 + j_vector] = vec4<f32>(along[0][turn], along[1][turn], along[2][turn], along[3][turn]);
        }
      }
      workgroupBarrier();
      for (var slice = 0; slice < 8; slice++) {
        let right = right_tile_vec4[slice * 9 + tx];
        let left = left_tile_vec4[slice * 9 + ty];
        for (var i_lane = 0; i_lane < 4; i_lane++) {
          scores[i_lane] = fma(vec4<f32>(left[i_lane]), right, scores[i_lane]);
        }
      }
      workgroupBarrier();
    }
    var masked: array<vec4<f32>, 4>;
    let i = ty * 4;
    for (var i_lane = 0; i_lane < 4; i_lane++) {
      let j = tx * 4;
      let j_at_2 = j_start + j;
      let mask_value = select(vec4<u32>(), mask[(program_2 * launch.keyTime + j_at_2) >> 2u], j_at_2 < launch.keyTime);
      let i_2 = i + i_lane;
      for (var j_lane = 0; j_lane < 4; j_lane++) {
        let j_2 = j + j_lane;
        let j_at = j_start + j_2;
        let both = ((j_at < launch.keyTime) & (mask_value[j_lane] != 0u)) & ((j_2 + j_start) <= (i_2 + i_start));
        masked[i_lane][j_lane] = select(from_bits(0xff800000u), scores[i_lane][j_lane], both);
      }
    }
    // max over j
    var max_over_j: vec4<f32>;
    var part = vec4<f32>(from_bits(0xff800000u));
    for (var i_lane = 0; i_lane < 4; i_lane++) {
      for (var j_lane = 0; j_lane < 4; j_lane++) {
        part[i_lane] = max_f32(part[i_lane], masked[i_lane][j_lane]);
      }
    }
    parts_vec4[ty * 8 + tx] = part;
    workgroupBarrier();
    var folded = vec4<f32>(from_bits(0xff800000u));
    for (var i_2 = 0; i_2 < 8; i_2++) { folded = max_f32x4(folded, parts_vec4[ty * 8 + i_2]); }
    max_over_j = folded;
    var most: vec4<f32>;
    for (var i_lane = 0; i_lane < 4; i_lane++) {
      most[i_lane] = max_f32(largest[i_lane], max_over_j[i_lane]);
    }
    var chosen: vec4<f32>;
    for (var i_lane = 0; i_lane < 4; i_lane++) {
      chosen[i_lane] = select(most[i_lane], 0.0, most[i_lane] <= from_bits(0xff800000u));
    }
    var weights: array<vec4<f32>, 4>;
    for (var i_lane = 0; i_lane < 4; i_lane++) {
      for (var j_lane = 0; j_lane < 4; j_lane++) {
        weights[i_lane][j_lane] = exp_f32(masked[i_lane][j_lane] - chosen[i_lane]);
      }
    }
    var shrink: vec4<f32>;
    for (var i_lane = 0; i_lane < 4; i_lane++) {
      shrink[i_lane] = exp_f32(largest[i_lane] - chosen[i_lane]);
    }
    // sum over j
    var sum_over_j: vec4<f32>;
    workgroupBarrier();
    var part_2 = vec4<f32>(0.0);
    for (var i_lane = 0; i_lane < 4; i_lane++) {
      for (var j_lane = 0; j_lane < 4; j_lane++) {
        part_2[i_lane] += weights[i_lane][j_lane];
      }
    }
    parts_vec4[ty * 8 + tx] = part_2;
    workgroupBarrier();
    var folded_2 = vec4<f32>(0.0);
    for (var i_3 = 0; i_3 < 8; i_3++) { folded_2 += parts_vec4[ty * 8 + i_3]; }
    sum_over_j = folded_2;
    for (var i_lane = 0; i_lane < 4; i_lane++) {
      total[i_lane] = (total[i_lane] * shrink[i_lane]) + sum_over_j[i_lane];
    }
    // products summed over j
    for (var i_lane = 0; i_lane < 4; i_lane++) {
      let j = tx * 4;
      let i_4 = i + i_lane;
      for (var j_lane = 0; j_lane < 4; j_lane++) {
        let j_2 = j + j_lane;
        let sum_2 = (j_2 + j_start) + (((i_4 + i_start) + (sum * launch.queryTime)) * launch.keyTime);
        let word = threefry(vec2<u32>(key_value ^ launch.stream, key_value_2), vec2<u32>(u32(sum_2), 0u)).x;
        left_tile_vec4[j_2 * 9 + ty][i_lane] = weights[i_lane][j_lane] * select(0.0, launch.inverseKeep, word < launch.threshold);
      }
    }
    for (var i_lane = 0; i_lane < 4; i_lane++) {
      for (var d_lane = 0; d_lane < 4; d_lane++) {
        output[i_lane][d_lane] = output[i_lane][d_lane] * shrink[i_lane];
      }
    }
    let j_end = min(32, launch.keyTime - j_start);
    for (var j_first = 0; j_first < j_end; j_first += 8) {
      let j_slice = lane / 8;
      let d_vector = lane % 8;
      let j = j_first + j_slice;
      let j_at = j_start + j;
      let d = d_vector * 4;
      right_tile_vec4[j_slice * 8 + d_vector] = select(vec4<f32>(), v[(program_2 * product_3 + program_1 * 32 + j_at * product + d) >> 2u], j_at < launch.keyTime);
      workgroupBarrier();
      for (var slice = 0; slice < 8; slice++) {
        let right = right_tile_vec4[slice * 8 + tx];
        let left = left_tile_vec4[(j_first + slice) * 9 + ty];
        for (var i_lane = 0; i_lane < 4; i_lane++) {
          output[i_lane] = fma(vec4<f32>(left[i_lane]), right, output[i_lane]);
        }
      }
      workgroupBarrier();
    }
    largest = most;
  }
  let i = ty * 4;
  for (var i_lane = 0; i_lane < 4; i_lane++) {
    var four: vec4<f32>;
    let below = 0.0 < total[i_lane];
    let chosen = select(1.0, total[i_lane], below);
    for (var d_lane = 0; d_lane < 4; d_lane++) {
      four[d_lane] = output[i_lane][d_lane] / chosen;
    }
    let i_2 = i + i_lane;
    let i_at = i_start + i_2;
    let d = tx * 4;
    if (i_at < launch.queryTime) { out[(program_2 * product_2 + program_1 * 32 + i_at * product + d) >> 2u] = four; }
  }
  let product_3 = launch.queryTime * 2;
  var four: vec4<f32>;
  for (var i_lane = 0; i_lane < 4; i_lane++) {
    let below = 0.0 < total[i_lane];
    four[i_lane] = select(0.0, largest[i_lane], below);
  }
  let i_at = i_start + i;
  if ((i_at < launch.queryTime) & (tx == 0)) { levels[(sum * product_3 + i_at) >> 2u] = four; }
  var four_2: vec4<f32>;
  for (var i_lane = 0; i_lane < 4; i_lane++) {
    let below = 0.0 < total[i_lane];
    let chosen = select(1.0, total[i_lane], below);
    four_2[i_lane] = log_f32(chosen);
  }
  if ((i_at < launch.queryTime) & (tx == 0)) { levels[(1 * launch.queryTime + sum * product_3 + i_at) >> 2u] = four_2; }
}
