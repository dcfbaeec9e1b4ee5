/** A TCP proxy that can cut, delay, throttle and stall what passes, by who is at the other end. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

export type Trouble = {
  /** New connections are ended at once. */
  refuse?: boolean
  delayMs?: number
  /** Each way. */
  bytesPerSecond?: number
  stall?: boolean
}

export type TcpProxy = AsyncDisposable & {
  port: number
  /** From now on, those whom `matches` names have this trouble; returns what ends it. */
  trouble(matches: (name: string) => boolean, trouble: Trouble): () => void
  /** Resets the connections of those whom `matches` names; returns how many. */
  cut(matches: (name: string) => boolean): number
}

/** More is not taken from a socket while so much waits. */
const HELD_BYTES = 1024 * 1024

/** @param target the port that is spoken for, asked at every connection. */
export async function startProxy(target: () => number): Promise<TcpProxy> {
  const links = new Set<Link>()
  const troubles = new Map<object, { matches: (name: string) => boolean; trouble: Trouble }>()
  const troublesOf = (name: string): Trouble[] =>
    [...troubles.values()].filter(({ matches }) => matches(name)).map(({ trouble }) => trouble)
  const server = createServer({ noDelay: true }, (client) => {
    const link = new Link(client, connect({ port: target(), host: '127.0.0.1', noDelay: true }), troublesOf)
    links.add(link)
    void link.closed.then(() => links.delete(link))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    trouble(matches, trouble) {
      const key = {}
      troubles.set(key, { matches, trouble })
      return () => troubles.delete(key)
    },
    cut(matches) {
      const hit = [...links].filter(({ name }) => matches(name))
      for (const link of hit) link.end()
      return hit.length
    },
    async [Symbol.asyncDispose]() {
      server.close()
      for (const link of links) link.end()
    },
  }
}

const POLL_MS = 20

class Link {
  /** Of the client, as it gives it to a broker; empty until then, and for any other server. */
  name = ''
  readonly closed: Promise<unknown>
  readonly #sockets: [Socket, Socket]
  readonly #troublesOf: (name: string) => Trouble[]

  constructor(client: Socket, server: Socket, troublesOf: (name: string) => Trouble[]) {
    this.#sockets = [client, server]
    this.#troublesOf = troublesOf
    for (const socket of this.#sockets) socket.on('error', () => this.end())
    for (const socket of this.#sockets) socket.on('close', () => this.end())
    client.once('data', (chunk) => {
      this.name = /"name":"([^"]*)"/.exec(chunk.toString('latin1'))?.[1] ?? ''
      if (this.#troublesOf(this.name).some(({ refuse }) => refuse)) this.end()
    })
    this.#pass(client, server)
    this.#pass(server, client)
    this.closed = Promise.all(this.#sockets.map((socket) => once(socket, 'close').catch(() => {})))
  }

  /** As when a host goes away: a reset, no goodbye. */
  end(): void {
    for (const socket of this.#sockets) if (!socket.destroyed) socket.resetAndDestroy()
  }

  // In order, each piece when it is due.
  #pass(from: Socket, to: Socket): void {
    let last: Promise<void> = Promise.resolve()
    let held = 0
    let freeAt = 0
    from.on('data', (chunk) => {
      const troubles = this.#troublesOf(this.name)
      const now = performance.now()
      const delay = Math.max(0, ...troubles.map(({ delayMs = 0 }) => delayMs))
      const rate = Math.min(
        ...troubles.map(({ bytesPerSecond = Number.POSITIVE_INFINITY }) => bytesPerSecond),
      )
      freeAt = Math.max(freeAt, now) + (chunk.length / rate) * 1000
      const due = Math.max(now + delay, freeAt)
      held += chunk.length
      if (held > HELD_BYTES) from.pause()
      last = last.then(async () => {
        const wait = due - performance.now()
        if (wait > 1) await pause(wait)
        while (!to.destroyed && this.#troublesOf(this.name).some(({ stall }) => stall)) await pause(POLL_MS)
        if (!to.destroyed && !to.write(chunk))
          await Promise.race([once(to, 'drain'), this.closed]).catch(() => {})
        held -= chunk.length
        if (held <= HELD_BYTES) from.resume()
      })
    })
  }
}
