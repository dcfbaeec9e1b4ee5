/** `qubus/test`: for those who test their flows. */
export {
  type RunControl,
  type TestedRun,
  type TestedStep,
  type TestFlowOptions,
  testFlow,
} from './test-flow.ts'
