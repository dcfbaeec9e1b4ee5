/**
 * Requests over one subscription. The client's own `request` makes an error object with its stack, a timer and several
 * promises for each, also when all goes well: on the way of every batch and every read that is what costs most.
 */
import { createInbox, type Msg, type MsgHdrs, type NatsConnection } from '@nats-io/transport-node'

/** Gets what comes; `undefined` when nothing came in time or nobody is there. Returns whether more is awaited. */
type Receiver = (message: Msg | undefined) => boolean

type Pending = { receive: Receiver; idleMs: number; until: number }

const SWEEP_MS = 250
const NOBODY = 503

export class Mux {
  readonly #nc: NatsConnection
  readonly #inbox: string
  readonly #pending = new Map<string, Pending>()
  #counter = 0
  #sweep: NodeJS.Timeout | undefined

  constructor(nc: NatsConnection) {
    this.#nc = nc
    this.#inbox = createInbox((nc as unknown as { options: { inboxPrefix?: string } }).options.inboxPrefix)
    nc.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (!error) this.#receive(message)
      },
    })
  }

  /** The answer; undefined when none came in time, or nobody is there to give one. */
  request(
    subject: string,
    body: Uint8Array | string,
    headers: MsgHdrs | undefined,
    timeoutMs: number,
  ): Promise<Msg | undefined> {
    return new Promise((resolve) => {
      this.#ask(subject, body, headers, timeoutMs, (message) => {
        resolve(message)
        return false
      })
    })
  }

  /** Several answers, each within `idleMs` after the one before; `receive` says whether more is awaited. */
  requestMany(subject: string, body: Uint8Array | string, idleMs: number, receive: Receiver): void {
    this.#ask(subject, body, undefined, idleMs, receive)
  }

  /** Nothing that was asked so far will be answered: the connection was another. */
  giveUpAll(): void {
    for (const token of [...this.#pending.keys()]) this.#give(token, undefined)
  }

  #ask(
    subject: string,
    body: Uint8Array | string,
    headers: MsgHdrs | undefined,
    idleMs: number,
    receive: Receiver,
  ): void {
    const token = String(++this.#counter)
    this.#pending.set(token, { receive, idleMs, until: performance.now() + idleMs })
    this.#sweep ??= setInterval(() => this.#expire(), SWEEP_MS)
    try {
      this.#nc.publish(subject, body, {
        reply: `${this.#inbox}.${token}`,
        ...(headers === undefined ? {} : { headers }),
      })
    } catch {
      this.#give(token, undefined)
    }
  }

  #receive(message: Msg): void {
    const token = message.subject.slice(this.#inbox.length + 1)
    const nobody = message.data.length === 0 && message.headers?.code === NOBODY
    this.#give(token, nobody ? undefined : message)
  }

  #give(token: string, message: Msg | undefined): void {
    const pending = this.#pending.get(token)
    if (pending === undefined) return
    if (pending.receive(message) && message !== undefined) pending.until = performance.now() + pending.idleMs
    else this.#pending.delete(token)
    if (this.#pending.size > 0) return
    clearInterval(this.#sweep)
    this.#sweep = undefined
  }

  #expire(): void {
    const now = performance.now()
    const closed = this.#nc.isClosed()
    for (const [token, { until }] of this.#pending) if (closed || until <= now) this.#give(token, undefined)
  }
}

const muxes = new WeakMap<NatsConnection, Mux>()

/** The one mux of a connection. */
export function muxOf(nc: NatsConnection): Mux {
  let mux = muxes.get(nc)
  if (mux === undefined) {
    mux = new Mux(nc)
    muxes.set(nc, mux)
    void giveUpOnReconnect(nc, mux)
  }
  return mux
}

// What was sent over the old connection is not answered any more: asked again at once, it need not wait for its time-out.
async function giveUpOnReconnect(nc: NatsConnection, mux: Mux): Promise<void> {
  for await (const status of nc.status()) if (status.type === 'reconnect') mux.giveUpAll()
}
