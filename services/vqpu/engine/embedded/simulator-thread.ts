/** One simulating thread: takes a circuit, answers, waits for the next. */
import { parentPort, workerData } from 'node:worker_threads'
import { QubusError } from '#shared/contract/errors.ts'
import type { EngineJob } from '../engine.ts'
import { checkFits, MemoryLedger } from './memory-budget.ts'
import { Simulator } from './simulate.ts'
import { warmUp } from './warm-up.ts'
import { type FromThread, packError, type ThreadData, type ToThread } from './wire.ts'

const { thread, budgetBytes, maxQubits, memory, cancelled } = workerData as ThreadData
const port = parentPort!
const ledger = new MemoryLedger(memory)
let current = 0

const simulator = new Simulator({
  checkCancelled,
  reserve(bytes, qubits) {
    checkFits(qubits, bytes, budgetBytes, maxQubits)
    return ledger.reserve(thread, bytes, budgetBytes, checkCancelled)
  },
})

warmUp(simulator)
port.on('message', ({ number, job }: ToThread) => {
  current = number
  port.postMessage(answer(number, job))
})
port.postMessage('ready' satisfies FromThread)

function checkCancelled(): void {
  if (current !== 0 && Atomics.load(cancelled, thread) === current)
    throw new QubusError('CANCELLED', 'the circuit was cancelled')
}

function answer(number: number, job: EngineJob): FromThread {
  try {
    return { number, result: simulator.run(job) }
  } catch (error) {
    return { number, error: packError(error) }
  }
}
