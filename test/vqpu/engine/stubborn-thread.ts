/** A simulating thread that breaks on demand: the source says how. It speaks the protocol of the real one. */
import { parentPort, workerData } from 'node:worker_threads'
import { MemoryLedger } from '../../../services/vqpu/engine/embedded/memory-budget.ts'
import type { FromThread, ThreadData, ToThread } from '../../../services/vqpu/engine/embedded/wire.ts'

const { thread, memory } = workerData as ThreadData
const port = parentPort!

port.on('message', ({ number, job }: ToThread) => {
  if (job.source === 'hold memory') new MemoryLedger(memory).reserve(thread, 2 ** 30, 2 ** 30, () => {})
  if (job.source === 'throw') throw new Error('broken on demand')
  if (job.source === 'exit' || job.source === 'hold memory') process.exit(7)
  if (job.source === 'never stop') while (true);
  port.postMessage({
    number,
    result: {
      counts: { [thread]: job.shots },
      shots: job.shots,
      seed: 0,
      method: '',
      qubits: 0,
      clbits: 0,
      depth: 0,
      gates: 0,
      seconds: 0,
      engine: '',
      version: '',
    },
  } satisfies FromThread)
})
port.postMessage('ready' satisfies FromThread)
