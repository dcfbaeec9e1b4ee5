/** Makes this process a place where a flow can run: what it prints does not mix with our output, what it forgets fails it alone. */
import { Console } from 'node:console'
import { Writable } from 'node:stream'
import { QubusError } from '#shared/contract/errors.ts'
import { installPlaces, place } from '../../../services/coordinator/thread/flow-place.ts'

/** Once, before the flow's code is loaded. */
export function prepareProcess(): void {
  process.setSourceMapsEnabled(true)
  installPlaces()
  const printed = new Writable({
    write(chunk: Buffer, _encoding, done) {
      // The flow may not use the outside world; its printing is not what is meant.
      place.exit(() => process.stderr.write(chunk, done))
    },
  })
  globalThis.console = new Console(printed)
  process.on('unhandledRejection', (reason) => {
    const run = place.getStore()?.run
    if (run === undefined) throw reason
    run.fail(
      new QubusError(
        'UNHANDLED_REJECTION',
        `a promise was rejected and nobody awaited it: ${String((reason as Error)?.message ?? reason)}`,
        { cause: reason },
      ),
    )
  })
  process.on('uncaughtException', (error) => {
    const at = place.getStore()
    if (at?.run === undefined) throw error
    at.run.fail(error)
    // After this handler Node itself sets a timer in the place of the run, which is over.
    at.pure = undefined
  })
}
