// matmul [64x64x64 nt gelu(accumulator + bias)(f32 none,unit)]: out = f(x · y), one tile of out per program
// tiles: m 64, n 64, k 64; stage: 16; workgroup: 8 × 8 threads, each with up to m 8, n 8 elements of a tile
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
var<workgroup> left_tile_vec4: array<vec4<f32>, 272>;
var<workgroup> right_tile_vec4: array<vec4<f32>, 272>;

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
    for (var k_first = 0; k_first < k_end; k_first += 16) {
      let k_slice = (lane % 4) * 4;
      let m_vector = lane / 4;
      let m = m_vector * 4;
      let m_at = m_start + m;
      let k = k_first + k_slice;
      let k_at = k_start + k;
      let along = select(vec4<f32>(), x[(m_at * launch.inner + k_at) >> 2u], (m_at < launch.rows) & (k_at < launch.inner));
      let m_2 = m_vector * 4 + 1;
      let m_at_2 = m_start + m_2;
      let along_2 = select(vec4<f32>(), x[(m_at_2 * launch.inner + k_at) >> 2u], (m_at_2 < launch.rows) & (k_at < launch.inner));
      let m_3 = m_vector * 4 + 2;
      let m_at_3 = m_start + m_3;
      let along_3 = select(vec4<f32>(), x[(m_at_3 * launch.inner + k_at) >> 2u], (m_at_3 < launch.rows) & (k_at < launch.inner));
      let m_4 = m_vector * 4 + 3;
      let m_at_4 = m_start + m_4;
      let along_4 = select(vec4<f32>(), x[(m_at_4 * launch.inner + k_at) >> 2u], (m_at_4 < launch.rows) & (k_at < launch.inner));
      left_tile_vec4[k_slice * 17 + m_vector] = vec4<f32>(along.x, along_2.x, along_3.x, along_4.x);
      left_tile_vec4[(k_slice + 1) * 17 + m_vector] = vec4<f32>(along.y, along_2.y, along_3.y, along_4.y);
      left_tile_vec4[(k_slice + 2) * 17 + m_vector] = vec4<f32>(along.z, along_2.z, along_3.z, along_4.z);
      left_tile_vec4[(k_slice + 3) * 17 + m_vector] = vec4<f32>(along.w, along_2.w, along_3.w, along_4.w);
      let k_slice_2 = (lane % 4) * 4;
      let n_vector = lane / 4;
      let n = n_vector * 4;
      let k_2 = k_first + k_slice_2;
      let k_at_2 = k_start + k_2;
      let n_at = n_start + n;
      let along_5 = select(vec4<f32>(), y[(k_at_2 + n_at * launch.inner) >> 2u], (k_at_2 < launch.inner) & (n_at < launch.columns));
      let n_2 = n_vector * 4 + 1;
      let n_at_2 = n_start + n_2;
      let along_6 = select(vec4<f32>(), y[(k_at_2 + n_at_2 * launch.inner) >> 2u], (k_at_2 < launch.inner) & (n_at_2 < launch.columns));
      let n_3 = n_vector * 4 + 2;
      let n_at_3 = n_start + n_3;
      let along_7 = select(vec4<f32>(), y[(k_at_2 + n_at_3 * launch.inner) >> 2u], (k_at_2 < launch.inner) & (n_at_3 < launch.columns));
      let n_4 = n_vector * 4 + 3;
      let n_at_4 = n_start + n_4;
      let along_8 = select(vec4<f32>(), y[(k_at_2 + n_at_4 * launch.inner) >> 2u], (k_at_2 < launch.inner) & (n_at_4 < launch.columns));
      right_tile_vec4[k_slice_2 * 17 + n_vector] = vec4<f32>(along_5.x, along_6.x, along_7.x, along_8.x);
      right_tile_vec4[(k_slice_2 + 1) * 17 + n_vector] = vec4<f32>(along_5.y, along_6.y, along_7.y, along_8.y);
      right_tile_vec4[(k_slice_2 + 2) * 17 + n_vector] = vec4<f32>(along_5.z, along_6.z, along_7.z, along_8.z);
      right_tile_vec4[(k_slice_2 + 3) * 17 + n_vector] = vec4<f32>(along_5.w, along_6.w, along_7.w, along_8.w);
      workgroupBarrier();
      for (var slice = 0; slice < 16; slice++) {
        let right = right_tile_vec4[slice * 17 + tx];
        let right_2 = right_tile_vec4[slice * 17 + tx + 8];
        {
          let left = left_tile_vec4[slice * 17 + ty];
          accumulator[0] = fma(vec4<f32>(left.x), right, accumulator[0]);
          accumulator[1] = fma(vec4<f32>(left.x), right_2, accumulator[1]);
          accumulator[2] = fma(vec4<f32>(left.y), right, accumulator[2]);
          accumulator[3] = fma(vec4<f32>(left.y), right_2, accumulator[3]);
          accumulator[4] = fma(vec4<f32>(left.z), right, accumulator[4]);
          accumulator[5] = fma(vec4<f32>(left.z), right_2, accumulator[5]);
          accumulator[6] = fma(vec4<f32>(left.w), right, accumulator[6]);
          accumulator[7] = fma(vec4<f32>(left.w), right_2, accumulator[7]);
        }
        {
          let left = left_tile_vec4[slice * 17 + ty + 8];
          accumulator[8] = fma(vec4<f32>(left.x), right, accumulator[8]);
          accumulator[9] = fma(vec4<f32>(left.x), right_2, accumulator[9]);
          accumulator[10] = fma(vec4<f32>(left.y), right, accumulator[10]);
          accumulator[11] = fma(vec4<f32>(left.y), right_2, accumulator[11]);
          accumulator[12] = fma(vec4<f32>(left.z), right, accumulator[12]);
          accumulator[13] = fma(vec4<f32>(left.z), right_2, accumulator[13]);
          accumulator[14] = fma(vec4<f32>(left.w), right, accumulator[14]);
          accumulator[15] = fma(vec4<f32>(left.w), right_2, accumulator[15]);
        }
      }
      workgroupBarrier();
    }
  }
  {
    let m = ty * 4;
    let m_at = m_start + m;
    {
      let n = tx * 4;
      let n_at = n_start + n;
      let operand0_value = select(vec4<f32>(), operand0[n_at >> 2u], n_at < launch.columns);
      let sum = accumulator[0].x + operand0_value.x;
      let sum_2 = accumulator[0].y + operand0_value.y;
      let sum_3 = accumulator[0].z + operand0_value.z;
      let sum_4 = accumulator[0].w + operand0_value.w;
      if ((m_at < launch.rows) & (n_at < launch.columns)) { out[(m_at * launch.columns + n_at) >> 2u] = vec4<f32>((sum * 0.5) * (1.0 + erf_f32(sum * 0.7071067811865476)), (sum_2 * 0.5) * (1.0 + erf_f32(sum_2 * 0.7071067811865476)), (sum_3 * 0.5) * (1.0 + erf_f32(sum_3 * 0.7071067811865476)), (sum_4 * 0.5) * (1.0 + erf_f32(sum_4 * 0.7071067811865476))); }
    }
    {
      let n = (tx + 1 * 8) * 4;
      let n_at = n_start + n;
      let operand0_value = select(vec4<f32>(), operand0[n_at >> 2u], n_at < launch.columns);
      let sum = accumulator[1].x + operand0_value.x;
      let sum_2 = accumulator[1].y + operand0_value.y;
      let sum_3 = accumulator[1].z + operand0_value.z;
      let sum_4 = accumulator[1].w + operand0_value.w;
      if ((m_at < launch.rows) & (n_at < launch.columns)) { out[(m_at * launch.columns + n_at) >> 2u] = vec4<f32>((sum * 0.5) * (1.0 + erf_f32(sum * 0.7071067811865476)), (sum_2 * 0.5) * (1.0 + erf_f32(sum_2 * 0.7071067811865476)), (sum_3 * 0.5) * (1.0 + erf_f32(sum_3 * 0.7071067811865476)), (sum_4 * 0.5) * (1.0 + erf_f32(sum_4 * 0.7071067811865476))); }
    }
    let m_2 = m + 1;
    let m_at_2 = m_start + m_2;
    {
      let n = tx * 4;
      let n_at = n_start + n;
      let operand0_value = select(vec4<f32>(), operand0[n_at >> 2u], n_at < launch.columns);
      let sum = accumulator[2].x + operand0_value.x;
      let sum_2 = accumulator[2].y + operand0_value.y;
      let sum_3 = accumulator[2].z + operand0_value.z;
      let sum_4 = accumulator[2].w + operand0_value.w;
      if ((m_at_2 < launch.rows) & (n_at < launch.columns)) { out[(m_at_2 * launch.columns + n_at) >> 2u] = vec4<f32>((sum * 0.5) * (1.0 + erf_f32(sum * 0.7071067811865476)), (sum_2 * 0.5) * (1.0 + erf_f32(sum_2 * 0.7071067811865476)), (sum_3 * 0.5) * (1.0 + erf_f32(sum_3 * 0.7071067811865476)), (sum_4 * 0.5) * (1.0 + erf_f32(sum_4 * 0.7071067811865476))); }
    }
    {
      let n = (tx + 1 * 8) * 4;
      let n_at = n_start + n;
      let operand0_value = select(vec4<f32>(), operand0[n_at >> 2u], n_at < launch.columns);
      let sum = accumulator[3].x + operand0_value.x;
      let sum_2 = accumulator[3].y + operand0_value.y;
      let sum_3 = accumulator[3].z + operand0_value.z;
      let sum_4 = accumulator[3].w + operand0_value.w;
      if ((m_at_2 < launch.rows) & (n_at < launch.columns)) { out[(m_at_2 * launch.columns + n_at) >> 2u] = vec4<f32>((sum * 0.5) * (1.0 + erf_f32(sum * 0.7071067811865476)), (sum_2 * 0.5) * (1.0 + erf_f32(sum_2 * 0.7071067811865476)), (sum_3 * 0.5) * (1.0 + erf_f32(sum_3 * 0.7071067811865476)), (sum_4 * 0.5) * (1.0 + erf_f32(sum_4 * 0.7071067811865476))); }
    }
    let m_3 = m + 2;
    let m_at_3 = m_start + m_3;
    {
      let n = tx * 4;
      let n_at = n_start + n;
      let operand0_value = select(vec4<f32>(), operand0[n_at >> 2u], n_at < launch.columns);
      let sum = accumulator[4].x + operand0_value.x;
      let sum_2 = accumulator[4].y + operand0_value.y;
      let sum_3 = accumulator[4].z + operand0_value.z;
      let sum_4 = accumulator[4].w + operand0_value.w;
      if ((m_at_3 < launch.rows) & (n_at < launch.columns)) { out[(m_at_3 * launch.columns + n_at) >> 2u] = vec4<f32>((sum * 0.5) * (1.0 + erf_f32(sum * 0.7071067811865476)), (sum_2 * 0.5) * (1.0 + erf_f32(sum_2 * 0.7071067811865476)), (sum_3 * 0.5) * (1.0 + erf_f32(sum_3 * 0.7071067811865476)), (sum_4 * 0.5) * (1.0 + erf_f32(sum_4 * 0.7071067811865476))); }
    }
    {
      let n = (tx + 1 * 8) * 4;
      let n_at = n_start + n;
      let operand0_value = select(vec4<f32>(), operand0[n_at >> 2u], n_at < launch.columns);
      let sum = accumulator[5].x + operand0_value.x;
      let sum_2 = accumulator[5].y + operand0_value.y;
      let sum_3 = accumulator[5].z + operand0_value.z;
      let sum_4 = accumulator[5].w + operand0_value.w;
      if ((m_at_3 < launch.rows) & (n_at < launch.columns)) { out[(m_at_3 * launch.columns + n_at) >> 2u] = vec4<f32>((sum * 0.5) * (1.0 + erf_f32(sum * 0.7071067811865476)), (sum_2 * 0.5) * (1.0 + erf_f32(sum_2 * 0.7071067811865476)), (sum_3 * 0.5) * (1.0 + erf_f32(sum_3 * 0.7071067811865476)), (sum_4 * 0.5) * (1.0 + erf_f32(sum_4 * 0.7071067811865476))); }
    }
    let m_4 = m + 3;
    let m_at_4 = m_start + m_4;
    {
      let n = tx * 4;
      let n_at = n_start + n;
      let operand0_value = select(vec4<f32>(), operand0[n_at >> 2u], n_at < launch.columns);
      let sum = accumulator[6].x + operand0_value.x;
      let sum_2 = accumulator[6].y + operand0_value.y;
      let sum_3 = accumulator[6].z + operand0_value.z;
      let sum_4 = accumulator[6].w + operand0_value.w;
      if ((m_at_4 < launch.rows) & (n_at < launch.columns)) { out[(m_at_4 * launch.columns + n_at) >> 2u] = vec4<f32>((sum * 0.5) * (1.0 + erf_f32(sum * 0.7071067811865476)), (sum_2 * 0.5) * (1.0 + erf_f32(sum_2 * 0.7071067811865476)), (sum_3 * 0.5) * (1.0 + erf_f32(sum_3 * 0.7071067811865476)), (sum_4 * 0.5) * (1.0 + erf_f32(sum_4 * 0.7071067811865476))); }
    }
    {
      let n = (tx + 1 * 8) * 4;
      let n_at = n_start + n;
      let operand0_value = select(vec4<f32>(), operand0[n_at >> 2u], n_at < launch.columns);
      let sum = accumulator[7].x + operand0_value.x;
      let sum_2 = accumulator[7].y + operand0_value.y;
      let sum_3 = accumulator[7].z + operand0_value.z;
      let sum_4 = accumulator[7].w + operand0_value.w;
      if ((m_at_4 < launch.rows) & (n_at < launch.columns)) { out[(m_at_4 * launch.columns + n_at) >> 2u] = vec4<f32>((sum * 0.5) * (1.0 + erf_f32(sum * 0.7071067811865476)), (sum_2 * 0.5) * (1.0 + erf_f32(sum_2 * 0.7071067811865476)), (sum_3 * 0.5) * (1.0 + erf_f32(sum_3 * 0.7071067811865476)), (sum_4 * 0.5) * (1.0 + erf_f32(sum_4 * 0.7071067811865476))); }
    }
  }
  {
    let m = (ty + 1 * 8) * 4;
    let m_at = m_start + m;
    {
      let n = tx * 4;
      let n_at = n_start + n;
      let operand0_value = select(vec4<f32>(), operand0[n_at >> 2u], n_at < launch.columns);
      let sum = accumulator[8].x + operand0_value.x;
      let sum_2 = accumulator[8].y + operand0_value.y;
      let sum_3 = accumulator[8].z + operand0_value.z;
      let sum_4 = accumulator[8].w + operand0_value.w;
      if ((m_at < launch.rows) & (n_at < launch.columns)) { out[(m_at * launch.columns + n_at) >> 2u] = vec4<f32>((sum * 0.5) * (1.0 + erf_f32(sum * 0.7071067811865476)), (sum_2 * 0.5) * (1.0 + erf_f32(sum_2 * 0.7071067811865476)), (sum_3 * 0.5) * (1.0 + erf_f32(sum_3 * 0.7071067811865476)), (sum_4 * 0.5) * (1.0 + erf_f32(sum_4 * 0.7071067811865476))); }
    }
    {
      let n = (tx + 1 * 8) * 4;
      let n_at = n_start + n;
      let operand0_value = select(vec4<f32>(), operand0[n_at >> 2u], n_at < launch.columns);
      let sum = accumulator[9].x + operand0_value.x;
      let sum_2 = accumulator[9].y + operand0_value.y;
      let sum_3 = accumulator[9].z + operand0_value.z;
      let sum_4 = accumulator[9].w + operand0_value.w;
      if ((m_at < launch.rows) & (n_at < launch.columns)) { out[(m_at * launch.columns + n_at) >> 2u] = vec4<f32>((sum * 0.5) * (1.0 + erf_f32(sum * 0.7071067811865476)), (sum_2 * 0.5) * (1.0 + erf_f32(sum_2 * 0.7071067811865476)), (sum_3 * 0.5) * (1.0 + erf_f32(sum_3 * 0.7071067811865476)), (sum_4 * 0.5) * (1.0 + erf_f32(sum_4 * 0.7071067811865476))); }
    }
    let m_2 = m + 1;
    let m_at_2 = m_start + m_2;
    {
      let n = tx * 4;
      let n_at = n_start + n;
      let operand0_value = select(vec4<f32>(), operand0[n_at >> 2u], n_at < launch.columns);
      let sum = accumulator[10].x + operand0_value.x;
      let sum_2 = accumulator[10].y + operand0_value.y;
      let sum_3 = accumulator[10].z + operand0_value.z;
      let sum_4 = accumulator[10].w + operand0_value.w;
      if ((m_at_2 < launch.rows) & (n_at < launch.columns)) { out[(m_at_2 * launch.columns + n_at) >> 2u] = vec4<f32>((sum * 0.5) * (1.0 + erf_f32(sum * 0.7071067811865476)), (sum_2 * 0.5) * (1.0 + erf_f32(sum_2 * 0.7071067811865476)), (sum_3 * 0.5) * (1.0 + erf_f32(sum_3 * 0.7071067811865476)), (sum_4 * 0.5) * (1.0 + erf_f32(sum_4 * 0.7071067811865476))); }
    }
    {
      let n = (tx + 1 * 8) * 4;
      let n_at = n_start + n;
      let operand0_value = select(vec4<f32>(), operand0[n_at >> 2u], n_at < launch.columns);
      let sum = accumulator[11].x + operand0_value.x;
      let sum_2 = accumulator[11].y + operand0_value.y;
      let sum_3 = accumulator[11].z + operand0_value.z;
      let sum_4 = accumulator[11].w + operand0_value.w;
      if ((m_at_2 < launch.rows) & (n_at < launch.columns)) { out[(m_at_2 * launch.columns + n_at) >> 2u] = vec4<f32>((sum * 0.5) * (1.0 + erf_f32(sum * 0.7071067811865476)), (sum_2 * 0.5) * (1.0 + erf_f32(sum_2 * 0.7071067811865476)), (sum_3 * 0.5) * (1.0 + erf_f32(sum_3 * 0.7071067811865476)), (sum_4 * 0.5) * (1.0 + erf_f32(sum_4 * 0.7071067811865476))); }
    }
    let m_3 = m + 2;
    let m_at_3 = m_start + m_3;
    {
      let n = tx * 4;
      let n_at = n_start + n;
      let operand0_value = select(vec4<f32>(), operand0[n_at >> 2u], n_at < launch.columns);
      let sum = accumulator[12].x + operand0_value.x;
      let sum_2 = accumulator[12].y + operand0_value.y;
      let sum_3 = accumulator[12].z + operand0_value.z;
      let sum_4 = accumulator[12].w + operand0_value.w;
      if ((m_at_3 < launch.rows) & (n_at < launch.columns)) { out[(m_at_3 * launch.columns + n_at) >> 2u] = vec4<f32>((sum * 0.5) * (1.0 + erf_f32(sum * 0.7071067811865476)), (sum_2 * 0.5) * (1.0 + erf_f32(sum_2 * 0.7071067811865476)), (sum_3 * 0.5) * (1.0 + erf_f32(sum_3 * 0.7071067811865476)), (sum_4 * 0.5) * (1.0 + erf_f32(sum_4 * 0.7071067811865476))); }
    }
    {
      let n = (tx + 1 * 8) * 4;
      let n_at = n_start + n;
      let operand0_value = select(vec4<f32>(), operand0[n_at >> 2u], n_at < launch.columns);
      let sum = accumulator[13].x + operand0_value.x;
      let sum_2 = accumulator[13].y + operand0_value.y;
      let sum_3 = accumulator[13].z + operand0_value.z;
      let sum_4 = accumulator[13].w + operand0_value.w;
      if ((m_at_3 < launch.rows) & (n_at < launch.columns)) { out[(m_at_3 * launch.columns + n_at) >> 2u] = vec4<f32>((sum * 0.5) * (1.0 + erf_f32(sum * 0.7071067811865476)), (sum_2 * 0.5) * (1.0 + erf_f32(sum_2 * 0.7071067811865476)), (sum_3 * 0.5) * (1.0 + erf_f32(sum_3 * 0.7071067811865476)), (sum_4 * 0.5) * (1.0 + erf_f32(sum_4 * 0.7071067811865476))); }
    }
    let m_4 = m + 3;
    let m_at_4 = m_start + m_4;
    {
      let n = tx * 4;
      let n_at = n_start + n;
      let operand0_value = select(vec4<f32>(), operand0[n_at >> 2u], n_at < launch.columns);
      let sum = accumulator[14].x + operand0_value.x;
      let sum_2 = accumulator[14].y + operand0_value.y;
      let sum_3 = accumulator[14].z + operand0_value.z;
      let sum_4 = accumulator[14].w + operand0_value.w;
      if ((m_at_4 < launch.rows) & (n_at < launch.columns)) { out[(m_at_4 * launch.columns + n_at) >> 2u] = vec4<f32>((sum * 0.5) * (1.0 + erf_f32(sum * 0.7071067811865476)), (sum_2 * 0.5) * (1.0 + erf_f32(sum_2 * 0.7071067811865476)), (sum_3 * 0.5) * (1.0 + erf_f32(sum_3 * 0.7071067811865476)), (sum_4 * 0.5) * (1.0 + erf_f32(sum_4 * 0.7071067811865476))); }
    }
    {
      let n = (tx + 1 * 8) * 4;
      let n_at = n_start + n;
      let operand0_value = select(vec4<f32>(), operand0[n_at >> 2u], n_at < launch.columns);
      let sum = accumulator[15].x + operand0_value.x;
      let sum_2 = accumulator[15].y + operand0_value.y;
      let sum_3 = accumulator[15].z + operand0_value.z;
      let sum_4 = accumulator[15].w + operand0_value.w;
      if ((m_at_4 < launch.rows) & (n_at < launch.columns)) { out[(m_at_4 * launch.columns + n_at) >> 2u] = vec4<f32>((sum * 0.5) * (1.0 + erf_f32(sum * 0.7071067811865476)), (sum_2 * 0.5) * (1.0 + erf_f32(sum_2 * 0.7071067811865476)), (sum_3 * 0.5) * (1.0 + erf_f32(sum_3 * 0.7071067811865476)), (sum_4 * 0.5) * (1.0 + erf_f32(sum_4 * 0.7071067811865476))); }
    }
  }
}
