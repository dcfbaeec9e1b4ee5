/** A client on a real broker, and what an actor would write, written by hand. */

import { readLast } from '#shared/bus/direct.ts'
import { Publisher } from '#shared/bus/publisher.ts'
import { type Client, clientOn } from '#shared/client/client.ts'
import { openSessionAt } from '#shared/client/session.ts'
import type { FlowRequest } from '#shared/contract/flow-request.ts'
import type { CompletedRecord, RequestedRecord } from '#shared/contract/run-record.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { record, subject } from '#shared/contract/subjects.ts'
import { encode, unpack } from '#shared/wire/message.ts'
import { requestDigest } from '#shared/wire/request-digest.ts'
import { encodeValue } from '#shared/wire/value.ts'
import { type TestBroker, withBroker } from '../support/with-broker.ts'

export type ClientWorld = AsyncDisposable & {
  broker: TestBroker
  client: Client
  /** The request as it waits in the broker. */
  requestOf(run: string): Promise<FlowRequest | undefined>
  /** What a coordinator writes when it takes the request up, and when the run ends. */
  accept(run: string): Promise<void>
  complete(run: string, completed?: Partial<CompletedRecord>): Promise<void>
}

export async function withClient(): Promise<ClientWorld> {
  const broker = await withBroker()
  const session = await openSessionAt(await broker.addressOf('client'))
  const coordinator = await broker.connect('coordinator')
  const runs = new Publisher(coordinator.nc, { stream: STREAM.runs })
  const requestOf = async (run: string): Promise<FlowRequest | undefined> => {
    const stored = await readLast(session.bus.nc, STREAM.flows, subject.flow(run))
    return stored && (unpack(stored.data) as FlowRequest)
  }
  return {
    broker,
    client: clientOn(session),
    requestOf,
    async accept(run) {
      const request = (await requestOf(run)) as FlowRequest & { payload: RequestedRecord['payload'] }
      const digest = requestDigest(request.flow, request.bundle, request.payload)
      const body: RequestedRecord = {
        ...request,
        bundle: request.bundle ?? '',
        digest,
        name: request.flow,
        acceptedAt: Date.now(),
        coordinator: 'c-1',
      }
      await runs.create({ subject: record(run).requested, body: encode(body) })
    },
    async complete(run, completed = {}) {
      const body: CompletedRecord = {
        state: 'completed',
        steps: 1,
        startedAt: 1_000,
        endedAt: 3_500,
        writer: 'c-1',
        ...completed,
      }
      await runs.create({ subject: record(run).completed, body: encode(body) })
    },
    async [Symbol.asyncDispose]() {
      runs.close()
      await session[Symbol.asyncDispose]()
      await broker[Symbol.asyncDispose]()
    },
  }
}

export function inline(value: unknown): { inline: Uint8Array } {
  return { inline: encodeValue(value, 'a value') }
}
