export { convertTags } from '../nn/tags.ts';
export * as backbone from './backbone/compact.ts';
export type {
  Backbone,
  Batch,
  BatchSize,
  BatchTensor,
  ComponentRecord,
  Head,
  HeadNeeds,
  Metrics,
  Names,
  Reader,
  Specs,
  Values,
} from './contract.ts';
export { anySize, checkContract } from './contractCheck.ts';
export { defineBackbone, defineHead, defineReader, type HeadDefinition, register } from './define.ts';
export type { Predictions } from './evaluate.ts';
export type { Listener, TrainingEvent } from './events.ts';
export * as head from './head/index.ts';
export { collectLabels, collectTags, type LabelSet, labelSet } from './labels.ts';
export * as metrics from './metrics.ts';
export type { ModelRecord } from './modelRecord.ts';
export {
  type AdamOptions,
  adam,
  adamW,
  defineOptimizer,
  type Optimizer,
  type OptimizerDefinition,
} from './optimizer.ts';
export { loadModelRecord, Predictor, type PredictorOptions } from './predictor.ts';
export * as reader from './reader/index.ts';
export type { JointExample } from './reader/jointFiles.ts';
export type { EpochRecord } from './run.ts';
export { constant as constantRate, defineSchedule, type Schedule, triangular } from './schedule.ts';
export type { BackwardOptions, ParameterGroup } from './step.ts';
export type { TrainingSummary, TrainOptions } from './train.ts';
export {
  type FitOptions,
  type MultiHeadOptions,
  MultiHeadTrainer,
  multiHeadTrainer,
  type Recipe,
  type RecipeContext,
  type RecipeResult,
  type SaverOptions,
  Trainer,
  type TrainerOptions,
  trainer,
} from './trainer.ts';
export { buildVocabulary, parseVocabulary, printVocabulary, type Vocabulary } from './vocabulary.ts';
export type { LoadOptions, LoadReport } from './weights.ts';
