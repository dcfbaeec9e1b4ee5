/**
 * Publishes create-if-absent, in groups: what waits goes out as one atomic batch, which the broker syncs to disk once.
 * Owns all retries of publishing: an unknown result is sent again until the broker says stored or present.
 */
import { type NatsConnection, nuid } from '@nats-io/transport-node'
import { QubusError } from '../contract/errors.ts'
import type { StreamName } from '../contract/streams.ts'
import { readLastOf, type Stored } from './direct.ts'
import { gather } from './gather.ts'
import { EXPECT_SEQUENCE, type HeaderLines, headerLine, wireHeaders } from './headers.ts'
import { muxOf } from './mux.ts'
import { type Verdict, verdictOf } from './verdict.ts'

export type Draft = {
  subject: string
  body: Uint8Array
  headers?: HeaderLines
  /** Where the stream keeps it, when it maps subjects. */
  storedAs?: string
  /** One of many messages on its subject: published whatever is there. Sent again when the result is unknown. */
  append?: boolean
}

/** `stored`: this publish made it. `present`: somebody was first; for a command that is a success. */
export type Creation = 'stored' | 'present'

export type PublisherOptions = {
  stream: StreamName
  /** Messages in one batch: 200 where latency counts, 900 for bulk. */
  batchSize?: number
  batchesInFlight?: number
  /** False for a stream that takes no atomic batches: everything goes out singly, in a pipeline. */
  atomic?: boolean
  /** How long a batch may wait for more, when the one before it was large; default 0. */
  lingerMs?: number
  /** What to do when the stream is full: wait for space (default), or throw `STREAM_FULL`. */
  whenFull?: 'wait' | 'throw'
}

type Waiting = Draft & {
  /** An earlier try may have been stored. */
  uncertain: boolean
  resolve(creation: Creation): void
  reject(error: unknown): void
}

// Below this, single publishes in a pipeline are faster than a batch (1 message: 1.6 against 8.8 ms; 15: even).
const SINGLES = 15
/** A batch of so many says that more will come. */
const LOAD = 100
const MAX_BATCH_BYTES = 4_000_000
const TIMEOUT_MS = 5_000
/** What we add to a draft's own headers, and some more. */
const OWN_HEADERS_BYTES = 200

export class Publisher {
  readonly #nc: NatsConnection
  readonly #options: Required<PublisherOptions>
  readonly #queue: Waiting[] = []
  readonly #gather = gather(() => this.#flush())
  #busy = 0
  #lastSize = 0
  #lingered = false
  #closed = false

  constructor(nc: NatsConnection, options: PublisherOptions) {
    this.#nc = nc
    this.#options = {
      batchSize: 900,
      batchesInFlight: 2,
      atomic: true,
      lingerMs: 0,
      whenFull: 'wait',
      ...options,
    }
  }

  /** How many drafts wait to be sent. */
  get waiting(): number {
    return this.#queue.length
  }

  /**
   * Publishes unless the subject has a message already; resolves when the message is on disk, whoever wrote it.
   * @throws QubusError `STREAM_FULL` with `whenFull: 'throw'`; `UNREACHABLE` after {@link Publisher.close};
   *   `UNENCODABLE` when the broker takes no message of that size.
   */
  create(draft: Draft): Promise<Creation> {
    if (this.#closed) return Promise.reject(new QubusError('UNREACHABLE', 'this publisher is closed'))
    // The client refuses it at every try: without this it would be tried for ever.
    const size = draft.body.length + (draft.headers?.length ?? 0) + OWN_HEADERS_BYTES
    const most = this.#nc.info?.max_payload ?? Number.POSITIVE_INFINITY
    if (size > most)
      return Promise.reject(
        new QubusError(
          'UNENCODABLE',
          `${draft.subject}: a message of ${size} bytes, the broker takes ${most}`,
          { facts: { size, most } },
        ),
      )
    return new Promise((resolve, reject) => {
      this.#queue.push({ ...draft, uncertain: false, resolve, reject })
      this.#schedule()
    })
  }

  /** Gives up what is not sent yet; what is in flight may or may not be stored. */
  close(): void {
    this.#closed = true
    for (const each of this.#queue.splice(0))
      each.reject(new QubusError('UNREACHABLE', 'the publisher was closed'))
  }

  #schedule(): void {
    if (this.#queue.length > 0 && this.#busy < this.#options.batchesInFlight) this.#gather()
  }

  #flush(): void {
    while (this.#queue.length > 0 && this.#busy < this.#options.batchesInFlight) {
      if (this.#lingers()) return
      const group = this.#take()
      this.#lastSize = group.length
      this.#busy++
      void this.#settle(group).finally(() => {
        this.#busy--
        this.#schedule()
      })
    }
  }

  // A batch costs the broker some milliseconds whatever its size: under load it is worth waiting for a larger one.
  #lingers(): boolean {
    const { lingerMs, batchSize } = this.#options
    if (lingerMs === 0 || this.#lingered || this.#lastSize < LOAD || this.#queue.length >= batchSize / 2) {
      this.#lingered = false
      return false
    }
    this.#lingered = true
    setTimeout(() => this.#flush(), lingerMs)
    return true
  }

  // A subject may stand only once in a batch; a second draft for it waits for the next group.
  #take(): Waiting[] {
    const group: Waiting[] = []
    let bytes = 0
    while (
      group.length < this.#options.batchSize &&
      this.#queue[group.length] !== undefined &&
      bytes < MAX_BATCH_BYTES
    ) {
      const next = this.#queue[group.length] as Waiting
      bytes += next.body.length
      group.push(next)
    }
    this.#queue.splice(0, group.length)
    const subjects = new Set<string>()
    return group.filter((each) => {
      if (each.append || !subjects.has(each.subject)) return subjects.add(each.subject)
      this.#queue.unshift(each)
      return false
    })
  }

  async #settle(group: Waiting[]): Promise<void> {
    let left = group
    for (let tries = 0; left.length > 0; tries++) {
      if (this.#closed) {
        for (const each of left) each.reject(new QubusError('UNREACHABLE', 'the publisher was closed'))
        return
      }
      if (tries > 0) await pause(Math.min(1000, 20 * 2 ** tries))
      left =
        left.length < SINGLES || !this.#options.atomic
          ? await this.#sendSingles(left)
          : await this.#sendBatch(left)
    }
  }

  async #sendSingles(group: Waiting[]): Promise<Waiting[]> {
    const verdicts = await Promise.all(group.map((each) => this.#send(each.subject, each.body, single(each))))
    const existing = group.filter((_, i) => verdicts[i] === 'exists')
    const left: Waiting[] = []
    group.forEach((each, i) => {
      if (verdicts[i] === 'stored') each.resolve('stored')
      else if (verdicts[i] === 'full') this.#refuse(each, left)
      else if (verdicts[i] === 'unknown') left.push(doubtful(each))
    })
    return left.concat(await this.#resolvePresent(existing))
  }

  async #sendBatch(group: Waiting[]): Promise<Waiting[]> {
    const verdict = await this.#commit(group)
    if (verdict === 'stored') {
      for (const each of group) each.resolve('stored')
      return []
    }
    if (verdict === 'unknown') return group.map(doubtful)
    if (verdict === 'exists') return this.#resolvePresent(group)
    const left: Waiting[] = []
    for (const each of group) this.#refuse(each, left)
    return left
  }

  // The first message is not awaited, and only the commit is answered.
  async #commit(group: Waiting[]): Promise<Verdict> {
    const batch = nuid.next()
    const last = group.length
    try {
      group.forEach((each, i) => {
        if (i + 1 < last)
          this.#nc.publish(each.subject, each.body, { headers: wireHeaders(inBatch(each, batch, i + 1)) })
      })
    } catch {
      return 'unknown'
    }
    const final = group[last - 1] as Waiting
    return this.#send(final.subject, final.body, `${inBatch(final, batch, last)}Nats-Batch-Commit: 1\r\n`)
  }

  async #send(subject: string, body: Uint8Array, lines: HeaderLines): Promise<Verdict> {
    const reply = await muxOf(this.#nc).request(subject, body, wireHeaders(lines), TIMEOUT_MS)
    return reply === undefined ? 'unknown' : verdictOf(reply)
  }

  /** Of a refused group, settles those whose subject is taken and returns the rest: an appended draft is none of them. */
  async #resolvePresent(group: Waiting[]): Promise<Waiting[]> {
    if (group.length === 0) return []
    let present: Map<string, Stored>
    try {
      const created = group.filter((each) => !each.append)
      const found = await readLastOf(this.#nc, this.#options.stream, created.map(storedAs))
      present = new Map(found.map((each) => [each.subject, each]))
    } catch {
      return group
    }
    return group.filter((each) => {
      const stored = each.append ? undefined : present.get(storedAs(each))
      if (stored === undefined) return true
      each.resolve(each.uncertain && equal(stored.data, each.body) ? 'stored' : 'present')
      return false
    })
  }

  #refuse(each: Waiting, left: Waiting[]): void {
    if (this.#options.whenFull === 'wait') left.push(each)
    else
      each.reject(
        new QubusError(
          'STREAM_FULL',
          `the stream ${this.#options.stream} is full: ${each.subject} was refused`,
        ),
      )
  }
}

function storedAs(each: Draft): string {
  return each.storedAs ?? each.subject
}

function doubtful(each: Waiting): Waiting {
  each.uncertain = true
  return each
}

const ABSENT = headerLine(EXPECT_SEQUENCE, '0')

function single({ headers = '', append }: Waiting): HeaderLines {
  return append ? headers : headers + ABSENT
}

function inBatch(each: Waiting, batch: string, sequence: number): HeaderLines {
  return `${single(each)}Nats-Batch-Id: ${batch}\r\nNats-Batch-Sequence: ${sequence}\r\n`
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
