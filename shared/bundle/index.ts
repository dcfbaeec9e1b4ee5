/** Bundles: a flow's code as one content-addressed file. */
export { type Bundle, bundleFlowFile } from './bundle-flow-file.ts'
export { type BundleDescription, type BundledFlow, checkParams, describeBundle } from './describe-bundle.ts'
