/**
 * The baseline: what the broker gives a program that does the least. One process publishes commands and reads outcomes,
 * another takes commands, asks for outcomes, publishes them and acks. Limits streams, atomic batches of at most 900,
 * four in flight, every sync waited for; no retries, no threads, no flow, no storage.
 */
import { fork } from 'node:child_process'
import { AckPolicy, type JetStreamClient, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect, headers, type NatsConnection, nuid } from '@nats-io/transport-node'
import { pack, unpack } from 'msgpackr'

type Waiting = { subject: string; body: Uint8Array; resolve(): void; reject(error: unknown): void }

export type Bare = {
  nc: NatsConnection
  client: JetStreamClient
  publish(subject: string, body: Uint8Array): Promise<void>
  present(subjects: string[]): Promise<Set<string>>
}

const IN_FLIGHT = 4
const BATCH = 900

export async function openBare(port: number): Promise<Bare> {
  const nc = await connect({
    servers: `nats://127.0.0.1:${port}`,
    waitOnFirstConnect: true,
    reconnectTimeWait: 50,
    maxReconnectAttempts: 200,
  })
  const manager = await jetstreamManager(nc)
  let queue: Waiting[] = []
  let busy = 0
  let scheduled = false
  const flush = (): void => {
    scheduled = false
    while (queue.length > 0 && busy < IN_FLIGHT) {
      const batch = queue.slice(0, BATCH)
      queue = queue.slice(BATCH)
      busy++
      commit(nc, batch)
        .then(
          () => {
            for (const each of batch) each.resolve()
          },
          (error: unknown) => {
            for (const each of batch) each.reject(error)
          },
        )
        .finally(() => {
          busy--
          flush()
        })
    }
  }
  return {
    nc,
    client: jetstream(nc),
    publish: (subject, body) =>
      new Promise((resolve, reject) => {
        queue.push({ subject, body, resolve, reject })
        if (scheduled || busy >= IN_FLIGHT) return
        scheduled = true
        setImmediate(flush)
      }),
    async present(subjects) {
      const found = new Set<string>()
      try {
        for await (const message of await manager.direct.getLastMessagesFor('RUNS', { multi_last: subjects }))
          found.add(message.subject)
      } catch (error) {
        if ((error as { code?: number }).code !== 404) throw error
      }
      return found
    },
  }
}

async function commit(nc: NatsConnection, batch: Waiting[]): Promise<void> {
  const id = nuid.next()
  for (const [i, { subject, body }] of batch.entries()) {
    const header = headers()
    header.set('Nats-Expected-Last-Subject-Sequence', '0')
    header.set('Nats-Batch-Id', id)
    header.set('Nats-Batch-Sequence', String(i + 1))
    if (i + 1 < batch.length) nc.publish(subject, body, { headers: header })
    else {
      header.set('Nats-Batch-Commit', '1')
      const reply = (await nc.request(subject, body, { headers: header, timeout: 30_000 })).json<{
        error?: { description: string }
      }>()
      if (reply.error) throw new Error(reply.error.description)
    }
  }
}

export type BareProgram = AsyncDisposable & {
  /** Tasks a second, from the first publish until every outcome was read. */
  run(tasks: number): Promise<number>
}

/** @param port of a broker of its own, without users. */
export async function startBare(port: number): Promise<BareProgram> {
  const bare = await openBare(port)
  const manager = await jetstreamManager(bare.nc)
  await manager.streams.add({ name: 'TASKS', subjects: ['bare.task.>'], allow_atomic: true } as never)
  await manager.streams.add({
    name: 'RUNS',
    subjects: ['bare.run.>'],
    allow_atomic: true,
    allow_direct: true,
  } as never)
  await manager.consumers.add('TASKS', {
    durable_name: 'worker',
    ack_policy: AckPolicy.Explicit,
    max_ack_pending: 1000,
  })
  const worker = fork(new URL('./bare-worker.ts', import.meta.url), [String(port)])
  await new Promise((resolve) => worker.once('message', resolve))
  let round = 0
  return {
    async run(tasks) {
      const name = `r${++round}`
      const outcomes = await bare.client.consumers.get('RUNS', { filter_subjects: [`bare.run.${name}.>`] })
      let seen = 0
      let finish = (): void => {}
      const finished = new Promise<void>((resolve) => {
        finish = resolve
      })
      const reading = await outcomes.consume({
        max_messages: 2000,
        callback(message) {
          unpack(message.data)
          if (++seen === tasks) finish()
        },
      })
      const from = performance.now()
      await Promise.all(
        Array.from({ length: tasks }, (_, i) =>
          bare.publish(`bare.task.${name}.${i}`, pack({ i, name: 'noop', args: [i] })),
        ),
      )
      await finished
      const seconds = (performance.now() - from) / 1000
      reading.stop()
      return tasks / seconds
    },
    async [Symbol.asyncDispose]() {
      worker.disconnect()
      await new Promise((resolve) => worker.once('exit', resolve))
      await bare.nc.close()
    },
  }
}
