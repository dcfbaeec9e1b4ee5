/** Tasks and flows are found by their names when their file is loaded anew, so they must be defined by that alone. */
import { QubusError } from '../contract/errors.ts'
import { calledAt } from './author-place.ts'
import { currentRuntime } from './runtime.ts'

/** @throws QubusError `INVALID_OPTION` when called by the code of a flow or task. */
export function assertTopLevel(what: string): void {
  const runtime = currentRuntime()
  const where = runtime?.flow() ? 'a flow' : runtime?.task() ? 'a task' : undefined
  if (where === undefined) return
  throw new QubusError(
    'INVALID_OPTION',
    `${what} is defined inside ${where}${calledAt()}: move it to the top level of the file, where a worker finds it, and hand it as arguments what it takes from around it`,
  )
}
