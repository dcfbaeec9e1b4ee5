/** Bundles: a flow's code as one content-addressed file. */
export { type Bundle, bundleFlowFile, bundleGraph } from './bundle-flow-file.ts'
export {
  type BundleDescription,
  type BundledFlow,
  checkParams,
  describeBundle,
  describeInputs,
} from './describe-bundle.ts'
