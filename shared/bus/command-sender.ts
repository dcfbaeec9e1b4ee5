/**
 * Sends commands to a stream that is not synced and keeps the first message of each subject: whoever sends them knows them from the log and sends them again when
 * the broker has lost them. The messages of a group go out one after the other and only the last one is answered: the
 * broker takes them in order, so what it says of the last one tells that it has had them all.
 */
import type { NatsConnection } from '@nats-io/transport-node'
import { QubusError } from '../contract/errors.ts'
import type { StreamName } from '../contract/streams.ts'
import { readLastOf } from './direct.ts'
import { gather } from './gather.ts'
import { wireHeaders } from './headers.ts'
import { muxOf } from './mux.ts'
import type { Creation, Draft } from './publisher.ts'
import { type Verdict, verdictOf } from './verdict.ts'

type Group = Draft[]

/** Small enough that a full stream is noticed soon, large enough that answers cost next to nothing. */
const GROUP = 200
const GROUPS_IN_FLIGHT = 8
const TIMEOUT_MS = 5_000
const OWN_HEADERS_BYTES = 200

export class CommandSender {
  readonly #nc: NatsConnection
  readonly #stream: StreamName
  readonly #gather = gather(() => this.#flush())
  #queue: Draft[] = []
  #head = 0
  #inFlight = 0
  #closed = false
  /** The stream refuses what comes: it is full, and what waits is sent again until there is room. */
  full = false

  constructor(nc: NatsConnection, stream: StreamName) {
    this.#nc = nc
    this.#stream = stream
  }

  /** How many wait to be sent. */
  get waiting(): number {
    return this.#queue.length - this.#head
  }

  /** Sends it, create-if-absent; one that is there already is as good. @throws QubusError `UNENCODABLE` when it is too large. */
  send(draft: Draft): void {
    assertFits(this.#nc, draft)
    this.#queue.push(draft)
    this.#gather()
  }

  /** Sends it by itself, and says whether it was there already. @throws QubusError `UNREACHABLE` after {@link CommandSender.close}. */
  async create(draft: Draft): Promise<Creation> {
    assertFits(this.#nc, draft)
    for (let tries = 0; !this.#closed; tries++) {
      if (tries > 0) await pause(tries)
      const verdict = await this.#ask(draft)
      if (verdict === 'stored') return 'stored'
      if (verdict === 'exists') return 'present'
      this.full = verdict === 'full'
    }
    throw new QubusError('UNREACHABLE', 'the sender was closed')
  }

  /** Which of these subjects have no message. */
  async missing(subjects: string[]): Promise<string[]> {
    const found = new Set((await readLastOf(this.#nc, this.#stream, subjects)).map(({ subject }) => subject))
    return subjects.filter((subject) => !found.has(subject))
  }

  close(): void {
    this.#closed = true
    this.#queue = []
    this.#head = 0
  }

  #flush(): void {
    while (this.waiting > 0 && this.#inFlight < GROUPS_IN_FLIGHT) {
      const group = this.#queue.slice(this.#head, this.#head + GROUP)
      this.#head += group.length
      if (this.#head > 4096 || this.waiting === 0) {
        this.#queue = this.#queue.slice(this.#head)
        this.#head = 0
      }
      this.#inFlight++
      void this.#settle(group).finally(() => {
        this.#inFlight--
        if (this.waiting > 0) this.#gather()
      })
    }
  }

  async #settle(group: Group): Promise<void> {
    for (let tries = 0; !this.#closed; tries++) {
      if (tries > 0) await pause(tries)
      const verdict = await this.#sendGroup(group)
      this.full = verdict === 'full'
      if (verdict === 'stored' || verdict === 'exists') return
    }
  }

  #sendGroup(group: Group): Promise<Verdict> {
    const last = group.at(-1) as Draft
    try {
      for (const draft of group) if (draft !== last) this.#publish(draft)
    } catch {
      return Promise.resolve('unknown')
    }
    return this.#ask(last)
  }

  #publish(draft: Draft): void {
    const headers = headersOf(draft)
    this.#nc.publish(draft.subject, draft.body, headers === undefined ? undefined : { headers })
  }

  async #ask(draft: Draft): Promise<Verdict> {
    const reply = await muxOf(this.#nc).request(draft.subject, draft.body, headersOf(draft), TIMEOUT_MS)
    return reply === undefined ? 'unknown' : verdictOf(reply)
  }
}

function headersOf({ headers }: Draft) {
  return headers === undefined ? undefined : wireHeaders(headers)
}

function assertFits(nc: NatsConnection, { subject, body, headers = '' }: Draft): void {
  const size = body.length + headers.length + OWN_HEADERS_BYTES
  const most = nc.info?.max_payload ?? Number.POSITIVE_INFINITY
  if (size > most)
    throw new QubusError('UNENCODABLE', `${subject}: a message of ${size} bytes, the broker takes ${most}`, {
      facts: { size, most },
    })
}

function pause(tries: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.min(1000, 20 * 2 ** tries)))
}
