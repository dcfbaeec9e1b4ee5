/** Makes this process a place where a flow can run: what it prints does not mix with our output, what it forgets fails it alone. */
import { Console } from 'node:console'
import { Writable } from 'node:stream'
import {
  failRunsByThemselves,
  installPlaces,
  place,
} from '../../../services/coordinator/thread/flow-place.ts'

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
  failRunsByThemselves()
}
