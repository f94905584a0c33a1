import { type Device, type Graph, palm } from 'frond';

/**
 * The joint model of intent and slots that the reference figures on ATIS were taken with: 2 pre-norm layers of width 128, 4
 * heads, inner width 512, words seen more than once, a learned position in front, linear-chain CRF; AdamW 1e-3 with decay
 * 0.01, batch 32, a tenth of the run warming up, then linear to 0, clip 1.0, dropout 0.1 in layers and 0.3 around.
 */
export function jointModel(
  reader: palm.reader.JointReader,
  {
    device,
    epochs,
    seed,
    policy = 'joint',
  }: {
    readonly device: Device;
    readonly epochs: number;
    readonly seed: number;
    readonly policy?: palm.Policy;
  },
) {
  const encoder = palm.backbone.compactEncoder({
    vocabulary: reader.vocabulary.tokens.length,
    width: 128,
    layers: 2,
    heads: 4,
    inner: 512,
    dropout: 0.1,
    outerDropout: 0.3,
  });
  const intent = palm.trainer('intent');
  intent.buildForward(encoder, palm.head.classify({ classes: reader.intents.names }));
  const slots = palm.trainer('slots');
  slots.buildForward(encoder, palm.head.sequenceLabel({ labels: reader.tags.names }));
  const metrics = palm.head.exactMatch({ intent: 'intent', slots: 'slots' });
  const trainer = palm.multiHeadTrainer([intent, slots], { policy, device, metrics });
  trainer.buildForward();
  const optimizer = palm.adamW({ rate: palm.triangular({ warmup: 0.1 }, 1e-3) });
  const step: Graph = trainer.buildBackward({ optimizer, weightDecay: 0.01, clipNorm: 1 });
  trainer.fitReaders({ intent: reader, slots: reader }, { epochs, batchSize: 32, seed });
  return { trainer, step };
}
