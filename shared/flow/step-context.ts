/** What a task function may know of the step that it runs for. */
import { QubusError } from '../contract/errors.ts'
import { currentRuntime, type TaskContext } from './runtime.ts'

export type StepContext = Omit<TaskContext, 'log' | 'artifact'>

/** @throws QubusError outside of a task. */
export function stepContext(): StepContext {
  const context = currentRuntime()?.task()
  if (context) return context
  throw new QubusError('INVALID_OPTION', 'stepContext() was called outside of a task')
}
