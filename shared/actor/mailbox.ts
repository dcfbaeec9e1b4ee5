/** Messages between threads, gathered for one turn of the event loop and sent as one packed buffer. */
import { gather } from '../bus/gather.ts'
import { encode, unpack } from '../wire/message.ts'

type Port = { postMessage(message: unknown, transfer: readonly ArrayBuffer[]): void }

export class Outbox<T> {
  readonly #port: Port
  readonly #gather = gather(() => this.flush())
  #waiting: T[] = []

  constructor(port: Port) {
    this.#port = port
  }

  send(message: T): void {
    this.#waiting.push(message)
    this.#gather()
  }

  flush(): void {
    if (this.#waiting.length === 0) return
    const messages = this.#waiting
    this.#waiting = []
    // The packer's buffer is part of a larger pool: only a copy of its own can be handed over.
    const packed = new Uint8Array(encode(messages))
    this.#port.postMessage(packed, [packed.buffer])
  }
}

export function openMail<T>(message: unknown): T[] {
  return unpack(message as Uint8Array) as T[]
}
