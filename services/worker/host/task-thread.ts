/** Entry of a task thread. */
import { parentPort, workerData } from 'node:worker_threads'
import { CURRENT } from './protocol.ts'
import { serveTasks } from './serve-tasks.ts'

const port = parentPort
if (port === null) throw new Error('task-thread.ts is the entry of a worker thread')
const current = new Float64Array((workerData as { current: SharedArrayBuffer }).current)

const serve = serveTasks({
  port,
  begun({ number, since }) {
    current[CURRENT.since] = since
    current[CURRENT.number] = number
  },
})
port.on('message', serve)
