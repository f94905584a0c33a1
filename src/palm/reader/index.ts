export {
  type JointFolderOptions,
  type JointMaps,
  type JointOptions,
  type JointReader,
  jointReader,
  jointReaderOf,
  jointSpecs,
} from './joint.ts';
export { type JointExample, type JointFiles, jointFiles, readJoint } from './jointFiles.ts';
