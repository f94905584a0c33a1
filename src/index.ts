// The public surface of frond.

export { ownKernel as kernel, ownRowKernel as rowKernel } from '../kernels/own.ts';
export { interpretKernel, type SimulationReport, simulate } from './backend/interpreter/index.ts';
export { printWgsl, type WgslModule } from './backend/wgsl/index.ts';
export { type Dim, evaluateDim, type Shape } from './base/dim.ts';
export type { DType, Precision } from './base/dtype.ts';
export { type ErrorCode, FrondError } from './base/errors.ts';
export * from './dsl/index.ts';
export { type CompareOptions, type Comparison, compareDevices, type Difference } from './inspect/compare.ts';
export { toSvg } from './inspect/svg.ts';
export { toDot, toMermaid } from './inspect/text.ts';
export { GraphBuilder } from './ir/builder.ts';
export { checkGraph } from './ir/check.ts';
export { applyEdit, type Edited, edit, type GraphPatch } from './ir/edit.ts';
export type { Graph, Node, Ref, TensorType } from './ir/graph.ts';
export { parseGraph } from './ir/parse.ts';
export { printGraph } from './ir/print.ts';
export type { Build, LaunchPlan, OpRecord, OpRegistry, Slot } from './ir/record.ts';
export { type KernelBuilder, traceKernel } from './kernel/build.ts';
export { assertKernel, checkKernel } from './kernel/check.ts';
export type { Axis, Buffer, Kernel, Span, Value } from './kernel/ir.ts';
export { printKernel } from './kernel/print.ts';
export type { PartialSchedule, ScheduleTable } from './kernel/schedule.ts';
export * as nn from './nn/index.ts';
export { forgetOp, ops } from './ops/index.ts';
export { rowsOf } from './ops/rules.ts';
export * as palm from './palm/index.ts';
export { adamW, defineOptimizer, type Optimizer } from './palm/optimizer.ts';
export { lion, sgd } from './palm/optimizers.ts';
export { type TrainingRun, type TrainStep, type TrainStepOptions, trainStep } from './palm/trainStep.ts';
export {
  type Differentiated,
  differentiate,
  type Pass,
  type PassLog,
  passes,
  runPasses,
} from './passes/index.ts';
export { type ChosenDevice, chooseDevice, deviceNames } from './runtime/chooseDevice.ts';
export { type Compilable, compile, type FeedsOf, type TypedExecutable } from './runtime/compile.ts';
export { type Command, type Device, type Location, withSchedules } from './runtime/device.ts';
export { findNonFinite, type NonFinite } from './runtime/diagnose.ts';
export type { Executable } from './runtime/executable.ts';
export type { FedTensor, Feeds, ReadTensor, TensorValue } from './runtime/feeds.ts';
export { gradients } from './runtime/gradients.ts';
export { interpreterDevice } from './runtime/interpreterDevice.ts';
export { launch } from './runtime/launch.ts';
export { layoutParameters } from './runtime/parameters.ts';
export { type NodeProfile, profileNodes } from './runtime/profile.ts';
export {
  type FusionReport,
  type ProgramReport,
  printFusion,
  reportFusion,
  reportProgram,
} from './runtime/report.ts';
export { ModelState } from './runtime/state.ts';
export { type WasmDevice, type WasmOptions, wasmDevice } from './runtime/wasm/device.ts';
export { type WebgpuDevice, type WebgpuOptions, webgpuDevice } from './runtime/webgpu/webgpuDevice.ts';
export { loadLatest, readCheckpoint, saveCheckpoint } from './store/checkpoint.ts';
export type { StoredFile } from './store/file.ts';
export {
  floatsOf,
  readSafetensors,
  type StoredTensor,
  storeFloats,
  writeSafetensors,
} from './store/safetensors.ts';
export { parseTuning, printTuning, rememberTuning, type TuningCache, tuningKey } from './tune/cache.ts';
export { type Tuned, type TuneOptions, tableOf, tuneSchedules } from './tune/tune.ts';
