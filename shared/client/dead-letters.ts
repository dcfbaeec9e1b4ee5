/** Messages that were given up: listed, looked at, and put back where they came from. */
import { readAll, readAt, readLast } from '../bus/direct.ts'
import { EXPECT_SEQUENCE, headerLine, wireHeaders } from '../bus/headers.ts'
import { muxOf } from '../bus/mux.ts'
import { verdictOf } from '../bus/verdict.ts'
import { DeadLetter } from '../contract/dead-letter.ts'
import { QubusError } from '../contract/errors.ts'
import { STREAM, type StreamName } from '../contract/streams.ts'
import { filter, lastToken, parseCommandSubject } from '../contract/subjects.ts'
import { decode } from '../wire/message.ts'
import { purgeSubject } from './purge.ts'
import type { Session } from './session.ts'

export type DeadOptions = {
  /** Only what came from this stream. */
  stream?: StreamName | undefined
  /** Default 50. */
  limit?: number | undefined
}

export type DeadView = {
  /** Grows with time. */
  id: number
  stream: string
  subject: string
  /** The run that it is of, where that is known. */
  run?: string
  error: { code: string; message: string }
  /** Who gave it up, and when (Unix milliseconds). */
  by: string
  at: number
  bytes: number
}

/** Newest first. */
export async function listDead(
  { bus }: Session,
  { stream, limit = 50 }: DeadOptions = {},
): Promise<DeadView[]> {
  let last: DeadView[] = []
  for await (const page of readAll(bus.nc, STREAM.dead, filter.deadOf(stream ?? '*'))) {
    for (const { sequence, data } of page) last.push(viewOf(sequence, decode(DeadLetter, data)))
    last = last.slice(-limit)
  }
  return last.reverse()
}

/** @throws QubusError `UNKNOWN_LETTER`. */
export async function getDead(session: Session, id: number): Promise<DeadView & { letter: DeadLetter }> {
  const { letter } = await find(session, id)
  return { ...viewOf(id, letter), letter }
}

export type Replay = { id: number; stream: string; subject: string; replayed: 'put back' | 'was there' }

const TIMEOUT_MS = 5_000
/** A tick would be kept for ever otherwise. */
const TICK_LASTS = '24h'

/** Their consumers still have the message itself, done with: it makes room for the one that is put back. */
const COMMANDS = new Set<string>([
  STREAM.tasks,
  STREAM.submissions,
  STREAM.circuits,
  STREAM.allocations,
  STREAM.permits,
])

/**
 * Puts the message back on its subject with its headers, then its letter away. Once, however many do so: what is on
 * the subject since then, or came under the same letter, is not put there again.
 * @param session of the broker's user `admin`: no other may publish what actors say to each other.
 * @throws QubusError `UNKNOWN_LETTER`; `NOT_REPLAYABLE`; `STREAM_FULL`; `UNREACHABLE`.
 */
export async function replayDead(session: Session, id: number): Promise<Replay> {
  const { at, letter } = await find(session, id)
  const { stream, subject, body, size, headers = '' } = letter
  const isCommand = COMMANDS.has(stream)
  if (!isCommand && stream !== STREAM.flows && stream !== STREAM.schedules)
    throw notReplayable(id, `it is of ${stream}, whose messages are never moved`)
  if (size !== undefined && size > body.length)
    throw notReplayable(id, `only ${body.length} of its ${size} bytes were kept`)
  const done = (replayed: Replay['replayed']): Replay => ({ id, stream, subject, replayed })
  if (isCommand && !(await makeRoom(session, letter))) {
    await purgeSubject(session, STREAM.dead, at)
    return done('was there')
  }
  const more =
    stream === STREAM.schedules ? headerLine('Nats-TTL', TICK_LASTS) : headerLine(EXPECT_SEQUENCE, '0')
  const lines = headers + more + headerLine('Nats-Msg-Id', at)
  const reply = await muxOf(session.bus.nc).request(subject, body, wireHeaders(lines), TIMEOUT_MS)
  const verdict = reply === undefined ? 'unknown' : verdictOf(reply)
  if (verdict === 'full') throw new QubusError('STREAM_FULL', `letter ${id}: ${stream} is full`)
  if (verdict === 'unknown')
    throw new QubusError('UNREACHABLE', `letter ${id} may not be back on ${subject}: replay it again`)
  await purgeSubject(session, STREAM.dead, at)
  const again = reply?.json<{ duplicate?: boolean }>().duplicate === true
  return done(verdict === 'stored' && !again ? 'put back' : 'was there')
}

async function find({ bus }: Session, id: number): Promise<{ at: string; letter: DeadLetter }> {
  const stored = await readAt(bus.nc, STREAM.dead, id)
  if (stored === undefined)
    throw new QubusError('UNKNOWN_LETTER', `no dead letter ${id} is kept: qubus dead list`, { facts: { id } })
  return { at: stored.subject, letter: decode(DeadLetter, stored.data) }
}

/** @returns false when another message took its place since. */
async function makeRoom({ bus }: Session, { stream, subject, sequence }: DeadLetter): Promise<boolean> {
  const there = await readLast(bus.nc, stream as StreamName, subject)
  if (there === undefined) return true
  if (there.sequence !== sequence) return false
  const question = JSON.stringify({ seq: sequence, no_erase: true })
  const reply = await bus.nc
    .request(`$JS.API.STREAM.MSG.DELETE.${stream}`, question, { timeout: TIMEOUT_MS })
    .catch((cause: unknown) => {
      throw new QubusError('UNREACHABLE', `${subject} could not be taken out of ${stream}`, { cause })
    })
  // Somebody else did so a moment ago: of the two that publish, the first one wins.
  reply.json()
  return true
}

function viewOf(id: number, letter: DeadLetter): DeadView {
  const { stream, subject, error, by, at, body, size = body.length } = letter
  const { code, message } = error
  const run = runOf(letter)
  return {
    id,
    stream,
    subject,
    ...(run === undefined ? {} : { run }),
    error: { code, message },
    by,
    at,
    bytes: size,
  }
}

function runOf({ stream, subject }: DeadLetter): string | undefined {
  if (stream === STREAM.flows) return lastToken(subject)
  if (stream === STREAM.runs) return subject.split('.')[4]
  if (stream === STREAM.logs) return subject.split('.')[3]
  if (stream === STREAM.allocations) return subject.split('.')[4]
  return COMMANDS.has(stream) ? parseCommandSubject(subject).run : undefined
}

function notReplayable(id: number, why: string): QubusError {
  return new QubusError('NOT_REPLAYABLE', `the dead letter ${id} can't be replayed: ${why}`, {
    facts: { id },
  })
}
