// A model whose shapes are in its types: hover over any name.   npx jiti examples/typed-model.ts
import { compile, f32, gather, graph, i32, interpreterDevice, linear, nn, normal, rearrange } from 'frond';

export const tagger = graph('tagger', (g) => {
  const tokens = g.input('tokens', i32, ['batch', 'time']);
  const table = g.parameter('embedding', f32, [5000, 128], normal(0.02));
  const x = gather(table, tokens); // Tensor<'f32', ['batch', 'time', 128]>
  const encoded = nn.encoder(x, { layers: 2, heads: 4, inner: 512 }); // the same: generic in all dimensions
  const perHead = rearrange(encoded, 'b t (h d) -> b h t d', { h: 4 }); // ['batch', 4, 'time', 32]
  const scores = linear(encoded, 30, { name: 'scores' }); // ['batch', 'time', 30]
  // linear(encoded, 30).shape[3], matmul(x, table), rearrange(…, { h: 5 }): red lines in the editor
  return { scores, perHead };
});

// names are bound when a batch is fed: here batch = 1, time = 3
const { executable } = await compile(tagger.ir, { device: interpreterDevice() });
await executable.state.initialize(1);
const tokens = { dtype: i32, shape: [1, 3], data: [17, 4, 2024] };
const { scores } = await executable.run({ tokens }, { read: ['scores'] });
console.log(tagger.outputs.scores.shape, '→', scores?.shape); // → [ 'batch', 'time', 30 ] → [ 1, 3, 30 ]
