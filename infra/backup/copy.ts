/** Postgres' COPY through the client's connection, with no more in memory than what is on its way. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Client, Connection, Submittable } from 'pg'

/** Bytes that wait to be written before Postgres is made to wait. */
const WAITING = 8 * 1024 ** 2

type Wire = Connection & {
  stream: Socket
  query(text: string): void
  sendCopyFromChunk(chunk: Uint8Array): void
  endCopyFrom(): void
  sendCopyFail(reason: string): void
}

/** What the client calls on a query. */
abstract class Copy implements Submittable {
  readonly #text: string
  readonly #settled = Promise.withResolvers<number>()
  #rows = 0

  constructor(text: string) {
    this.#text = text
  }

  /** Rows that were copied. */
  get done(): Promise<number> {
    return this.#settled.promise
  }

  submit(connection: Connection): void {
    ;(connection as Wire).query(this.#text)
  }

  handleCommandComplete({ text }: { text: string }): void {
    this.#rows = Number(/^COPY (\d+)/.exec(text)?.[1] ?? 0)
  }

  handleReadyForQuery(): void {
    this.finish().then(() => this.#settled.resolve(this.#rows), this.#settled.reject)
  }

  handleError(error: Error): void {
    this.#settled.reject(error)
  }

  handleRowDescription(): void {}
  handleDataRow(): void {}
  handlePortalSuspended(): void {}
  handleEmptyQuery(): void {}

  abstract finish(): Promise<void>
}

class CopyOut extends Copy {
  readonly #write: (chunk: Uint8Array) => Promise<void>
  #written: Promise<void> = Promise.resolve()
  #waiting = 0

  constructor(text: string, write: (chunk: Uint8Array) => Promise<void>) {
    super(text)
    this.#write = write
  }

  handleCopyData({ chunk }: { chunk: Buffer }, connection: Connection): void {
    const { stream } = connection as Wire
    this.#waiting += chunk.length
    if (this.#waiting > WAITING) stream.pause()
    // The client reads what comes next into the same memory.
    const copy = Buffer.from(chunk)
    this.#written = this.#written
      .then(() => this.#write(copy))
      .finally(() => {
        this.#waiting -= chunk.length
        if (this.#waiting <= WAITING) stream.resume()
      })
    this.#written.catch(() => {})
  }

  finish(): Promise<void> {
    return this.#written
  }
}

class CopyIn extends Copy {
  readonly #chunks: AsyncIterable<Uint8Array>
  #ended = false

  constructor(text: string, chunks: AsyncIterable<Uint8Array>) {
    super(text)
    this.#chunks = chunks
  }

  handleCopyInResponse(connection: Connection): void {
    const wire = connection as Wire
    this.#send(wire).catch((error: Error) => wire.sendCopyFail(error.message))
  }

  override handleError(error: Error): void {
    this.#ended = true
    super.handleError(error)
  }

  async #send(wire: Wire): Promise<void> {
    for await (const chunk of this.#chunks) {
      if (this.#ended) return
      wire.sendCopyFromChunk(chunk)
      if (wire.stream.writableNeedDrain) await once(wire.stream, 'drain')
    }
    wire.endCopyFrom()
  }

  finish(): Promise<void> {
    return Promise.resolve()
  }
}

/** @param text `copy … to stdout`. @returns how many rows. @throws what Postgres says, or `write`. */
export function copyOut(
  client: Client,
  text: string,
  write: (chunk: Uint8Array) => Promise<void>,
): Promise<number> {
  return client.query(new CopyOut(text, write)).done
}

/** @param text `copy … from stdin`. @returns how many rows. @throws what Postgres says. */
export function copyIn(client: Client, text: string, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  return client.query(new CopyIn(text, chunks)).done
}
