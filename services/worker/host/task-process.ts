/** Entry of a task process. */
import type { Begun } from './protocol.ts'
import { serveTasks } from './serve-tasks.ts'

const send = process.send?.bind(process)
if (send === undefined) throw new Error('task-process.ts is the entry of a child process')

let told: Begun = { number: 0, since: 0 }
const serve = serveTasks({
  port: { postMessage: (packed) => void send(packed) },
  begun(begun) {
    if (begun.number !== told.number) send(begun)
    told = begun
  },
})
process.on('message', serve)
// Without its worker there is nobody to work for.
process.on('disconnect', () => process.exit(0))
