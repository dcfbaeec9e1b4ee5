/**
 * The broker's own snapshots of a stream: as of the moment in which it answers, however long the sending takes.
 * What is published later is not in it; what is deleted while it is sent may be missing.
 */
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { createInbox, type Msg, type NatsConnection } from '@nats-io/transport-node'
import { inboxPrefixOf } from '#shared/config/credentials.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { invalid, type StreamPart } from './manifest.ts'
import { openPrivateOutput } from './private-output.ts'

export type StreamState = { messages: number; first_seq: number; last_seq: number }

/** A snapshot that the broker has made and is about to send. */
export type Cut = {
  state: StreamState
  /** Takes it into `file` under `folder`. @throws QubusError `BACKUP_FAILED`. */
  save(folder: string, file: string): Promise<StreamPart>
  /** The broker stops sending. */
  abandon(): void
}

const API_MS = 30_000
const CHUNK = 128 * 1024

/** @throws QubusError `BACKUP_FAILED` when the broker refuses. */
export async function cutStream(nc: NatsConnection, stream: string, consumers: boolean): Promise<Cut> {
  const { created } = (await ask(nc, `STREAM.INFO.${stream}`, {})) as { created: string }
  const inbox = createInbox(inboxPrefixOf('admin'))
  const chunks = nc.subscribe(inbox)
  try {
    const { config, state } = (await ask(nc, `STREAM.SNAPSHOT.${stream}`, {
      deliver_subject: inbox,
      no_consumers: !consumers,
      chunk_size: CHUNK,
    })) as { config: Record<string, unknown>; state: StreamState }
    return {
      state,
      abandon: () => chunks.unsubscribe(),
      async save(folder, file) {
        const output = await openPrivateOutput(join(folder, file))
        try {
          for await (const message of chunks) {
            if (isLast(stream, message)) break
            await output.write(message.data)
            message.respond()
          }
          const { messages, first_seq: firstSequence, last_seq: lastSequence } = state
          const written = await output.close()
          return { stream, messages, firstSequence, lastSequence, created, config, state, file, ...written }
        } catch (error) {
          await output.abandon().catch(() => {})
          throw error
        } finally {
          chunks.unsubscribe()
        }
      },
    }
  } catch (error) {
    chunks.unsubscribe()
    throw error
  }
}

function isLast(stream: string, { data, headers }: Msg): boolean {
  if (data.length > 0) return false
  const code = headers?.code ?? 0
  if (code === 0 || code === 204) return true
  throw failed(`the broker stopped sending ${stream}: ${code} ${headers?.description}`)
}

export async function streamState(nc: NatsConnection, stream: string): Promise<StreamState> {
  return ((await ask(nc, `STREAM.INFO.${stream}`, {})) as { state: StreamState }).state
}

/**
 * Gives a stream back to a broker that has none of that name.
 * @returns when the broker says that it was made.
 * @throws QubusError `BACKUP_INVALID` when the broker can't take it, or something of it is missing afterwards.
 */
export async function restoreStream(nc: NatsConnection, folder: string, part: StreamPart): Promise<string> {
  const { stream, config, state, file } = part
  const { deliver_subject: to } = (await ask(nc, `STREAM.RESTORE.${stream}`, { config, state })) as {
    deliver_subject: string
  }
  for await (const chunk of createReadStream(join(folder, file), { highWaterMark: CHUNK }))
    refuseError(stream, await nc.request(to, chunk as Buffer, { timeout: API_MS }))
  // The end; the broker answers when the stream is on its disk.
  const last = await nc.request(to, '', { timeout: 600_000 })
  refuseError(stream, last)
  const made = last.json<{ created: string; state: StreamState }>()
  if (made.state.last_seq !== part.lastSequence)
    throw invalid(`${stream} came back up to ${made.state.last_seq}, ${part.lastSequence} was written`)
  return made.created
}

function refuseError(stream: string, reply: Msg): void {
  if (reply.data.length === 0) return
  const { error } = reply.json<{ error?: { description: string } }>()
  if (error) throw invalid(`the broker can't take ${stream}: ${error.description}`)
}

/** Whether the broker has any stream. */
export async function hasStreams(nc: NatsConnection): Promise<boolean> {
  return ((await ask(nc, 'STREAM.NAMES', {})) as { total: number }).total > 0
}

async function ask(nc: NatsConnection, call: string, body: object): Promise<unknown> {
  const reply = await nc
    .request(`$JS.API.${call}`, JSON.stringify(body), { timeout: API_MS })
    .catch((cause: unknown) => {
      throw new QubusError('UNREACHABLE', `the broker did not answer ${call}`, { cause })
    })
  const json = reply.json<{ error?: { description: string } }>()
  if (json.error) throw failed(`the broker refused ${call}: ${json.error.description}`)
  return json
}

export function failed(message: string): QubusError {
  return new QubusError('BACKUP_FAILED', message)
}
