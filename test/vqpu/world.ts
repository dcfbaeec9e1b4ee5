/** A broker, and what the coordinator and the allocator would do around circuits. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type Bus, connectBus } from '#shared/bus/connect.ts'
import { ensureConsumer } from '#shared/bus/consumers.ts'
import { readLast } from '#shared/bus/direct.ts'
import { type Creation, Publisher } from '#shared/bus/publisher.ts'
import { readRegistry } from '#shared/bus/registry.ts'
import { CircuitResult } from '#shared/contract/circuit-result.ts'
import type { CircuitSpec } from '#shared/contract/command.ts'
import { AttemptRecord, StepOutcome } from '#shared/contract/step-record.ts'
import { CONSUMER, STREAM, type StreamName } from '#shared/contract/streams.ts'
import { filter, record, type StepIdentity, subject } from '#shared/contract/subjects.ts'
import { decode, encode } from '#shared/wire/message.ts'
import { decodeValue, encodeValue } from '#shared/wire/value.ts'
import { until } from './until.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export type BrokerAt = { url: string; user: string; password: string; environment: Record<string, string> }

export class World {
  readonly bus: Bus
  readonly #at: BrokerAt
  readonly #publishers = new Map<StreamName, Publisher>()
  readonly #processes = new Set<ChildProcess>()

  readonly #end: () => Promise<void>

  private constructor(bus: Bus, at: BrokerAt, end: () => Promise<void>) {
    this.bus = bus
    this.#at = at
    this.#end = end
  }

  static async at(at: BrokerAt, end: () => Promise<void>): Promise<World> {
    return new World(await connectBus(at, 'world'), at, end)
  }

  get home(): string {
    return this.#at.environment.QUBUS_HOME ?? ''
  }

  /** Starts `services/<service>/main.ts` as a process of its own. */
  actor(service: string, ...args: string[]): ChildProcess & { log(): string } {
    const child = spawn(process.execPath, [`${ROOT}services/${service}/main.ts`, ...args], {
      env: { PATH: process.env.PATH ?? '', ...this.#at.environment },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let text = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
    this.#processes.add(child)
    child.once('exit', () => this.#processes.delete(child))
    return Object.assign(child, { log: () => text })
  }

  /** Starts a host as the allocator would, its queue first, and waits until it is ready. */
  async vqpu(device: string, ...args: string[]) {
    await this.queue(device)
    const host = this.actor('vqpu', '--device', device, ...(args.length === 0 ? ['--shared'] : args))
    await this.state(device, 'ready', host)
    return host
  }

  async submitter(...args: string[]) {
    const submitter = this.actor('submitter', ...args)
    await until(
      () => submitter.log().includes('"ready"'),
      () => `the submitter is not ready: ${submitter.log()}`,
    )
    return submitter
  }

  queue(device: string): Promise<void> {
    return ensureConsumer(
      this.bus.nc,
      STREAM.circuits,
      CONSUMER.circuits(device),
      filter.deviceCircuits(device),
    )
  }

  async state(
    device: string,
    state: string,
    host?: { log(): string; pid?: number | undefined },
  ): Promise<void> {
    let seen: unknown
    await until(
      async () => {
        const entry = (await readRegistry(this.bus.nc)).vqpus.get(device)
        seen = entry
        return entry?.state === state && (host === undefined || entry.pid === host.pid)
      },
      () => `${device} is not ${state} but ${JSON.stringify(seen)}: ${host?.log()}`,
    )
  }

  publish(stream: StreamName, to: string, body: unknown): Promise<Creation> {
    let publisher = this.#publishers.get(stream)
    if (publisher === undefined) {
      publisher = new Publisher(this.bus.nc, { stream, atomic: stream !== STREAM.submissions })
      this.#publishers.set(stream, publisher)
    }
    return publisher.create({ subject: to, body: body instanceof Uint8Array ? body : encode(body) })
  }

  /** The record without which nobody works for a run. */
  request(run: string): Promise<Creation> {
    return this.publish(STREAM.runs, record(run).requested, {})
  }

  /** Queues a circuit on a device, as a submitter would. */
  circuit(
    device: string,
    id: StepIdentity,
    spec: Partial<CircuitSpec> & { source: string },
    more = {},
  ): Promise<Creation> {
    return this.publish(STREAM.circuits, subject.circuit(device, id), commandOf({ device, ...spec }, more))
  }

  /** Submits a circuit, as the coordinator would. */
  submit(
    id: StepIdentity,
    spec: Partial<CircuitSpec> & { source: string; device: string },
  ): Promise<Creation> {
    return this.publish(STREAM.submissions, subject.submission(id), commandOf(spec))
  }

  async outcome(run: string, step: number): Promise<StepOutcome & { value: CircuitResult }> {
    const stored = await this.#recordAt(record(run).outcome(step))
    const outcome = decode(StepOutcome, stored)
    const bytes =
      outcome.result !== undefined && 'inline' in outcome.result ? outcome.result.inline : new Uint8Array()
    return { ...outcome, value: CircuitResult.parse(decodeValue(bytes)) }
  }

  async attempt(run: string, step: number, attempt = 1): Promise<AttemptRecord> {
    return decode(AttemptRecord, await this.#recordAt(record(run).attempt(step, attempt)))
  }

  /** Resolves when a circuit of `run` is said to be running; ask before it is sent. */
  async running(run: string): Promise<{ seen: Promise<void> }> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.bus.nc.subscribe(subject.event('circuit', 'running', run, '*'), {
      max: 1,
      callback: () => resolve(),
    })
    await this.bus.nc.flush()
    return { seen: promise }
  }

  /** Takes a command from the device's queue as a host would that vanishes with it. */
  async loseOne(device: string): Promise<void> {
    const next = `$JS.API.CONSUMER.MSG.NEXT.${STREAM.circuits}.${CONSUMER.circuits(device)}`
    const taken = await this.bus.nc.request(next, JSON.stringify({ batch: 1 }), {
      timeout: 5_000,
      noMux: true,
    })
    taken.respond('-NAK')
  }

  async has(stream: StreamName, of: string): Promise<boolean> {
    return (await readLast(this.bus.nc, stream, of)) !== undefined
  }

  /** Resolves when nothing in the device's queue is un-acked or undelivered. */
  async settled(
    device: string,
    stream: StreamName = STREAM.circuits,
    consumer = CONSUMER.circuits(device),
  ): Promise<void> {
    await until(
      async () => {
        const reply = await this.bus.nc.request(`$JS.API.CONSUMER.INFO.${stream}.${consumer}`)
        const info = JSON.parse(reply.string()) as { num_pending: number; num_ack_pending: number }
        return info.num_pending + info.num_ack_pending === 0
      },
      () => `${consumer} keeps commands`,
    )
  }

  async #recordAt(of: string): Promise<Uint8Array> {
    let data: Uint8Array | undefined
    await until(
      async () => {
        data = (await readLast(this.bus.nc, STREAM.runs, of))?.data
        return data !== undefined
      },
      () => `no record ${of}`,
    )
    return data as Uint8Array
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ends = [...this.#processes].map((child) => once(child, 'exit'))
    for (const child of this.#processes) child.kill('SIGKILL')
    await Promise.all(ends)
    await this.bus[Symbol.asyncDispose]()
    await this.#end()
  }
}

function commandOf(spec: Partial<CircuitSpec>, more = {}) {
  const value = { shots: 1000, ...spec }
  return {
    ...{ kind: 'circuit', name: 'test', digest: 'd', queuedAt: Date.now() },
    payload: { inline: encodeValue(value, 'circuit') },
    ...more,
  }
}

export async function exitOf(child: ChildProcess): Promise<{ code: number | null; signal: string | null }> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return { code: child.exitCode, signal: child.signalCode }
}
