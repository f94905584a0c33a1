export { convertTags } from '../nn/tags.ts';
export * as backbone from './backbone.ts';
export * as balance from './balances.ts';
export type * from './contract.ts';
export { anySize, checkContract } from './contractCheck.ts';
export * from './define.ts';
export type { Predictions } from './evaluate.ts';
export type { Listener, SharedGradients, TrainingEvent } from './events.ts';
export { type PairedInterval, pairedInterval, studentQuantile } from './experiment.ts';
export * as formats from './formats/index.ts';
export { type GroupSetting, layerwise, type ParameterGroup } from './groups.ts';
export * as head from './heads/index.ts';
export { collectLabels, collectTags, type LabelSet, labelSet } from './labels.ts';
export * as metrics from './metrics/index.ts';
export type { Mistake, Mistakes } from './mistakes.ts';
export type { ModelRecord } from './modelRecord.ts';
export * from './multiHeadTrainer.ts';
export {
  type AdamOptions,
  adam,
  adamW,
  defineOptimizer,
  type Optimizer,
  type OptimizerDefinition,
} from './optimizer.ts';
export { type DrawOptions, drawOf, type MemoryPart, partOf } from './parts.ts';
export type { PlannedStep, TrainingPlan, Turn } from './plan.ts';
export { loadModelRecord, Predictor, type PredictorOptions } from './predictor.ts';
export * as reader from './reader/index.ts';
export type { JointExample } from './reader/jointFiles.ts';
export type { EpochRecord } from './run.ts';
export {
  constant as constantRate,
  cosineDecay,
  defineSchedule,
  linearDecay,
  noam,
  polynomialDecay,
  type Schedule,
  triangular,
  warmUp,
} from './schedule.ts';
export type { BackwardOptions } from './step.ts';
export { evaluateRun, type TasksRecipe, type TasksSettings, tasksRecipe } from './tasks/index.ts';
export * as tokenizer from './tokenizer/index.ts';
export {
  buildVocabulary,
  parseVocabulary,
  printVocabulary,
  type Vocabulary,
} from './tokenizer/vocabulary.ts';
export type { StepSummary, TrainingSummary, TrainOptions } from './train.ts';
export type { LoadOptions, LoadReport } from './weights.ts';
