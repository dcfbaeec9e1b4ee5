/** Entry of a flow thread: keeps bundles warm and runs flows in them. */
import { parentPort, workerData } from 'node:worker_threads'
import { Outbox, openMail } from '#shared/actor/mailbox.ts'
import { findFlow, type LoadedBundle, loadBundle } from '#shared/bundle/loaded-bundle.ts'
import { FlowHost } from './flow-host.ts'
import { failRunsByThemselves, installPlaces } from './flow-place.ts'
import type { FromThread, ToThread } from './protocol.ts'

const port = parentPort
if (port === null) throw new Error('flow-thread.ts is the entry of a worker thread')
/** Which run's code this thread entered last: read by the coordinator when the thread does not answer. */
const current = new Int32Array((workerData as { current: SharedArrayBuffer }).current)

process.setSourceMapsEnabled(true)
installPlaces()

const outbox = new Outbox<FromThread>(port)
// From here on, silence means that somebody's code does not give way.
outbox.send({ type: 'pong', id: 0 })
const bundles = new Map<string, Promise<LoadedBundle>>()
const host = new FlowHost({
  send: (message) => outbox.send(message),
  find: async ({ file, flow }) => findFlow(await load(file), flow),
  entered: (index) => Atomics.store(current, 0, index),
})

port.on('message', (message: unknown) => {
  for (const each of openMail<ToThread>(message)) host.receive(each)
})
failRunsByThemselves()

function load(file: string): Promise<LoadedBundle> {
  let loaded = bundles.get(file)
  if (loaded === undefined) {
    loaded = loadBundle(file)
    loaded.catch(() => bundles.delete(file))
    bundles.set(file, loaded)
  }
  return loaded
}
