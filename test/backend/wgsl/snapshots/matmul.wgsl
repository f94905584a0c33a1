// matmul [64x64x64 nt gelu(accumulator + bias)(f32 none,unit)]: out = f(x · y), one tile of out per program
// tiles: m 64, n 64, k 64; stage: 8; workgroup: 8 × 8 threads, each with up to m 8, n 8 elements of a tile
//   read x[m * inner + k], m < rows, k < inner (vec4<f32>)
//   read y[k + n * inner], k < inner, n < columns (vec4<f32>)
//   write out[m * columns + n], m < rows, n < columns (vec4<f32>)
//   read operand0[n], n < columns (vec4<f32>)
struct Launch {
  grid_0: i32,
  grid_1: i32,
  rows: i32,
  columns: i32,
  inner: i32,
}
@group(0) @binding(0) var<uniform> launch: Launch;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> y: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> operand0: array<vec4<f32>>;
var<workgroup> left_tile_vec4: array<vec4<f32>, 136>;
var<workgroup> right_tile_vec4: array<vec4<f32>, 136>;

fn erf_f32(x: f32) -> f32 {
  let z = x * x;
  let a = select(abs(x), 4.0, abs(x) > 4.0);
  let root = fma(fma(fma(fma(fma(fma(fma(0.0006762754637748003, a, -0.005483991466462612), a, 0.02465217560529709), a, -0.050434429198503494), a, 0.0994478389620781), a, 0.02712320163846016), a, 0.16973243653774261), a, 0.9943985939025879);
  let square = root * root;
  let fourth = square * square;
  let large = 1.0 - 1.0 / (fourth * fourth);
  let small = x * fma(fma(fma(fma(fma(-0.0005631422391161323, z, 0.004917551297694445), z, -0.02671131119132042), z, 0.11280179768800735), z, -0.37612324953079224), z, 1.1283791065216064);
  return select(select(large, -large, x < 0.0), small, a < 1.0);
}

@compute @workgroup_size(8, 8)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
) {
  let program = i32(group.x + group.y * groups.x);
  if (program >= launch.grid_0 * launch.grid_1) { return; }
  let program_0 = program % launch.grid_0;
  let program_1 = program / launch.grid_0;
  let tx = i32(local.x);
  let ty = i32(local.y);
  let lane = ty * 8 + tx;

  let m_start = program_0 * 64;
  let n_start = program_1 * 64;
  var accumulator = array<vec4<f32>, 16>();
  for (var k_start: i32 = 0; k_start < launch.inner; k_start += 64) {
    // products summed over k
    let k_end = min(64, launch.inner - k_start);
    for (var k_first = 0; k_first < k_end; k_first += 8) {
      if (lane < 32) {
        let k_slice = (lane % 2) * 4;
        let m_vector = lane / 2;
        var along: array<vec4<f32>, 4>;
        let k = k_first + k_slice;
        let k_at = k_start + k;
        for (var along_i = 0; along_i < 4; along_i++) {
          let m = m_vector * 4 + along_i;
          let m_at = m_start + m;
          along[along_i] = select(vec4<f32>(), x[(m_at * launch.inner + k_at) >> 2u], (m_at < launch.rows) & (k_at < launch.inner));
        }
        for (var turn = 0; turn < 4; turn++) {
          left_tile_vec4[(k_slice + turn) * 17 + m_vector] = vec4<f32>(along[0][turn], along[1][turn], along[2][turn], along[3][turn]);
        }
      }
      if (lane >= 32) {
        let k_slice = ((lane - 32) % 2) * 4;
        let n_vector = (lane - 32) / 2;
        var along: array<vec4<f32>, 4>;
        let k = k_first + k_slice;
        let k_at = k_start + k;
        for (var along_i = 0; along_i < 4; along_i++) {
          let n = n_vector * 4 + along_i;
          let n_at = n_start + n;
          along[along_i] = select(vec4<f32>(), y[(k_at + n_at * launch.inner) >> 2u], (k_at < launch.inner) & (n_at < launch.columns));
        }
        for (var turn = 0; turn < 4; turn++) {
          right_tile_vec4[(k_slice + turn) * 17 + n_vector] = vec4<f32>(along[0][turn], along[1][turn], along[2][turn], along[3][turn]);
        }
      }
      workgroupBarrier();
      for (var slice = 0; slice < 8; slice++) {
        var right: array<vec4<f32>, 2>;
        for (var right_i = 0; right_i < 2; right_i++) {
          right[right_i] = right_tile_vec4[slice * 17 + tx + right_i * 8];
        }
        for (var m_quad = 0; m_quad < 2; m_quad++) {
          let left = left_tile_vec4[slice * 17 + ty + m_quad * 8];
          for (var m_lane = 0; m_lane < 4; m_lane++) {
            for (var n_quad = 0; n_quad < 2; n_quad++) {
              accumulator[m_quad * 8 + m_lane * 2 + n_quad] = fma(vec4<f32>(left[m_lane]), right[n_quad], accumulator[m_quad * 8 + m_lane * 2 + n_quad]);
            }
          }
        }
      }
      workgroupBarrier();
    }
  }
  for (var m_quad = 0; m_quad < 2; m_quad++) {
    let m = (ty + m_quad * 8) * 4;
    for (var m_lane = 0; m_lane < 4; m_lane++) {
      let m_2 = m + m_lane;
      let m_at = m_start + m_2;
      for (var n_quad = 0; n_quad < 2; n_quad++) {
        var four: vec4<f32>;
        let n = (tx + n_quad * 8) * 4;
        let n_at = n_start + n;
        let operand0_value = select(vec4<f32>(), operand0[n_at >> 2u], n_at < launch.columns);
        for (var n_lane = 0; n_lane < 4; n_lane++) {
          let sum = accumulator[m_quad * 8 + m_lane * 2 + n_quad][n_lane] + operand0_value[n_lane];
          four[n_lane] = (sum * 0.5) * (1.0 + erf_f32(sum * 0.7071067811865476));
        }
        if ((m_at < launch.rows) & (n_at < launch.columns)) { out[(m_at * launch.columns + n_at) >> 2u] = four; }
      }
    }
  }
}
