/** States of all threads together stay within a bound: a circuit that must wait for memory waits for another to end. */
import { QubusError } from '#shared/contract/errors.ts'

const MEBIBYTE = 2 ** 20
/** Smaller states are not counted. */
const COUNTED_FROM = 16 * MEBIBYTE
/** Nobody simulates more with an engine of this kind: 4 GiB of amplitudes. */
const MOST_QUBITS = 28

/** Half of what is free now, so that the host's other programs live on. */
export function memoryBudget(availableBytes: number): { bytes: number; maxQubits: number } {
  const bytes = Math.min(availableBytes / 2, 16 * 2 ** MOST_QUBITS)
  return { bytes, maxQubits: Math.max(1, Math.floor(Math.log2(bytes / 16))) }
}

/** Shared by all threads: mebibytes in use together, then each thread's own. */
export class MemoryLedger {
  readonly cells: Int32Array

  constructor(cells: Int32Array) {
    this.cells = cells
  }

  static create(threads: number): MemoryLedger {
    return new MemoryLedger(new Int32Array(new SharedArrayBuffer(4 * (threads + 1))))
  }

  /** Blocks the thread until there is room. `whileWaiting` may throw to give up. */
  reserve(thread: number, bytes: number, limit: number, whileWaiting: () => void): Disposable {
    if (bytes < COUNTED_FROM) return { [Symbol.dispose]: () => {} }
    const need = Math.ceil(bytes / MEBIBYTE)
    while (true) {
      const used = Atomics.load(this.cells, 0)
      if (used > 0 && used + need > Math.ceil(limit / MEBIBYTE)) {
        whileWaiting()
        Atomics.wait(this.cells, 0, used, 50)
      } else if (Atomics.compareExchange(this.cells, 0, used, used + need) === used) break
    }
    Atomics.store(this.cells, thread + 1, need)
    return { [Symbol.dispose]: () => this.release(thread) }
  }

  /** Also for a thread that died and can't give back what it held. */
  release(thread: number): void {
    const held = Atomics.exchange(this.cells, thread + 1, 0)
    if (held === 0) return
    Atomics.sub(this.cells, 0, held)
    Atomics.notify(this.cells, 0)
  }
}

/** Says no before any work is done. */
export function checkFits(qubits: number, bytes: number, budget: number, maxQubits: number): void {
  if (qubits <= maxQubits && bytes <= budget) return
  const amount = `${qubits} qubits need ${shown(bytes)} (16 bytes × 2^${qubits}), this engine may use ${shown(budget)}`
  throw new QubusError('CIRCUIT_UNSUPPORTED', `${amount}: at most ${maxQubits} qubits fit`, {
    facts: { qubits, maxQubits, neededBytes: bytes, availableBytes: budget },
  })
}

function shown(bytes: number): string {
  if (!Number.isFinite(bytes)) return 'more bytes than a number can hold'
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB']
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(bytes) / 10)))
  return `${Number((bytes / 1024 ** power).toPrecision(3))} ${units[power]}`
}
