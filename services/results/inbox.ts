/** What the feed brought and is not stored yet: bounded, and handed out in batches that grow with the load. */
import type { Delivery } from '#shared/bus/delivery.ts'

const BATCH = { records: 2000, bytes: 8 * 1024 * 1024 }
const LIMIT = { records: 4000, bytes: 16 * 1024 * 1024 }
/** Waiting a little makes one transaction of many records; nobody waits for storage. */
const LINGER_MS = 50
const ENOUGH = 1000

export class Inbox {
  #waiting: Delivery[] = []
  #bytes = 0
  #since = 0
  #closed = false
  #arrived: (() => void) | undefined
  #drained: (() => void) | undefined

  /** Resolves when there is room for more. */
  async add(batch: Delivery[]): Promise<void> {
    if (this.#closed) return
    if (this.#waiting.length === 0) this.#since = performance.now()
    for (const delivery of batch) {
      this.#waiting.push(delivery)
      this.#bytes += delivery.data.length
    }
    this.#arrived?.()
    while (!this.#closed && (this.#waiting.length >= LIMIT.records || this.#bytes >= LIMIT.bytes)) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve
      })
    }
  }

  /** The next batch; empty when nothing came within `patienceMs`, or the inbox was closed. */
  async take(patienceMs: number): Promise<Delivery[]> {
    const until = performance.now() + patienceMs
    for (;;) {
      const now = performance.now()
      const full = this.#waiting.length >= ENOUGH || this.#bytes >= BATCH.bytes
      if (this.#closed) return []
      if (full || (this.#waiting.length > 0 && now >= this.#since + LINGER_MS)) return this.#cut()
      if (this.#waiting.length === 0 && now >= until) return []
      await this.#arrival(this.#waiting.length > 0 ? this.#since + LINGER_MS - now : until - now)
    }
  }

  /** Forgets what waits: whoever reads the stream next gets it again. */
  close(): void {
    this.#closed = true
    this.#waiting = []
    this.#bytes = 0
    this.#arrived?.()
    this.#drained?.()
  }

  #cut(): Delivery[] {
    let count = 0
    let bytes = 0
    while (count < this.#waiting.length && count < BATCH.records && bytes < BATCH.bytes) {
      bytes += this.#waiting[count++]?.data.length ?? 0
    }
    const batch = this.#waiting.slice(0, count)
    this.#waiting = this.#waiting.slice(count)
    this.#bytes -= bytes
    this.#since = performance.now()
    this.#drained?.()
    return batch
  }

  async #arrival(withinMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.max(1, withinMs))
      this.#arrived = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#arrived = undefined
  }
}
