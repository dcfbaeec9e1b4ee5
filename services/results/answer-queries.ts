/** Answers the questions of `query.<name>`: any one of the results actors does. */
import type { Msg } from '@nats-io/transport-node'
import type { Pool } from 'pg'
import type { z } from 'zod'
import type { Actor } from '#shared/actor/actor.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { type Failure, toFailure } from '#shared/contract/failure.ts'
import { type Answer, QUERIES, type QueryName } from '#shared/contract/query.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { filter, lastToken } from '#shared/contract/subjects.ts'
import { decode, encode } from '#shared/wire/message.ts'
import { decodeValue } from '#shared/wire/value.ts'
import { findEnd } from './find-end.ts'
import { asksInJson, fromJsonQuestion, jsonRefusal, toJsonAnswer } from './json-answers.ts'
import { pageThatFits } from './page.ts'
import { fromColumns } from './payload-columns.ts'
import { pruneOld } from './prune-old.ts'
import * as questions from './questions.ts'
import { shardOfUnit } from './store-runs.ts'
import { countAfter } from './stream-api.ts'

const QUEUE = 'results'

/** Room for what the connection adds to a message. */
const ENVELOPE_BYTES = 4096

/** Answers until disposed of. */
export function answerQueries(actor: Actor, pool: Pool): Disposable {
  const subscription = actor.bus.nc.subscribe(filter.queries, {
    queue: QUEUE,
    callback: (error, message) => {
      // What others answer (the allocator's jobs) stands under the same branch.
      if (!error && Object.hasOwn(QUERIES, lastToken(message.subject))) void answer(actor, pool, message)
    },
  })
  return { [Symbol.dispose]: () => subscription.unsubscribe() }
}

async function answer(actor: Actor, pool: Pool, message: Msg): Promise<void> {
  const limit = (actor.bus.nc.info?.max_payload ?? 1024 * 1024) - ENVELOPE_BYTES
  const json = asksInJson(message)
  let body: Uint8Array
  try {
    const question = json ? fromJsonQuestion(message.data) : message.data
    // JSON says the same in more bytes.
    body = await answerTo(actor, pool, lastToken(message.subject), question, json ? limit / 2 : limit)
    if (json) body = await toJsonAnswer(actor.blobs, body, limit)
    if (body.length > limit) throw new QubusError('INTERNAL', 'the answer is larger than a message may be')
  } catch (error) {
    actor.log.warn({ err: error, subject: message.subject }, 'a question was not answered')
    body = json ? jsonRefusal(failureOf(error)) : encode({ error: failureOf(error) })
  }
  try {
    message.respond(body)
  } catch (error) {
    actor.log.warn({ err: error, subject: message.subject }, 'an answer could not be sent')
  }
}

// Anything that Postgres says without our having asked wrongly means that it is not there for us.
function failureOf(error: unknown): Failure {
  if (error instanceof QubusError) return toFailure(error, 'INTERNAL')
  return toFailure(
    new QubusError('UNREACHABLE', `Postgres does not answer: ${(error as Error).message}`, { cause: error }),
    'INTERNAL',
  )
}

async function answerTo(
  actor: Actor,
  pool: Pool,
  name: string,
  data: Uint8Array,
  limit: number,
): Promise<Uint8Array> {
  const query = name as QueryName
  const answerer = ANSWERS[query] as (asked: Context & { question: unknown }) => Promise<Uint8Array>
  return answerer({ actor, pool, limit, question: questionOf(query, data) })
}

function questionOf(query: QueryName, data: Uint8Array): unknown {
  try {
    return decode(QUERIES[query].question, data)
  } catch (cause) {
    throw new QubusError('INVALID_REQUEST', `the question is malformed: ${(cause as Error).message}`, {
      cause,
    })
  }
}

/** `limit`: bytes that an answer may have. */
type Context = { actor: Actor; pool: Pool; limit: number }

type Answerers = {
  [N in QueryName]: (
    asked: Context & { question: z.infer<(typeof QUERIES)[N]['question']> },
  ) => Promise<Uint8Array>
}

const ANSWERS: Answerers = {
  run: async ({ pool, question }) => {
    const run = await questions.findRun(pool, question.run)
    const attempts = run === null ? [] : await questions.listRunAttempts(pool, question.run)
    return encode({ run, ...(attempts.length > 0 ? { attempts } : {}) })
  },
  outcome: async ({ actor, pool, question }) =>
    encode({
      outcome:
        (await questions.findOutcome(pool, question.run)) ?? (await findEnd(actor.bus.nc, question.run)),
    }),
  prune: async ({ actor, pool, question }) => encode(await pruneOld(actor, pool, question)),
  storage: async ({ actor, pool }) => encode(await storage(actor, pool)),
  runs: async ({ pool, question, limit }) =>
    pageThatFits(limit, question.limit, await questions.listRuns(pool, question), (runs, more) => ({
      runs,
      more,
    })),
  steps: async ({ pool, question, limit }) =>
    pageThatFits(limit, question.limit, await questions.listSteps(pool, question), (steps, more) => ({
      steps,
      more,
    })),
  attempts: async ({ pool, question, limit }) =>
    pageThatFits(
      limit,
      question.limit,
      await questions.listAttempts(pool, question),
      (attempts, more) => ({ attempts, more }),
      (each) => each.step,
    ),
  logs: async ({ pool, question, limit }) =>
    pageThatFits(limit, question.limit, await questions.listLogs(pool, question), (lines, more) => ({
      lines,
      more,
    })),
  circuits: async ({ pool, question, limit }) =>
    pageThatFits(limit, question.limit, await questions.listCircuits(pool, question), (circuits, more) => ({
      circuits,
      more,
    })),
  artifacts: async ({ actor, pool, question, limit }) => {
    const stored = await questions.listArtifacts(pool, question)
    const found = await withValues(actor, stored, limit)
    const asked = found.length < stored.length ? found.length : question.limit
    return pageThatFits(limit, asked, found, (artifacts, more) => ({ artifacts, more }))
  },
}

type Artifacts = Answer<'artifacts'>['artifacts']

/** Values as far as one message may hold them: whoever wants more asks for the next page, or the blob. */
async function withValues(
  actor: Actor,
  stored: questions.StoredArtifact[],
  limit: number,
): Promise<Artifacts> {
  const artifacts: Artifacts = []
  let left = limit
  for (const { step, key, type, at, value, value_blob, value_size } of stored) {
    const payload = fromColumns(value, value_blob, value_size)
    const size = Number(value_size)
    if (value_blob !== null && size > limit / 2) {
      artifacts.push({ step, key, type, at, value: undefined, payload })
      continue
    }
    if (left < size && artifacts.length > 0) break
    left -= size
    artifacts.push({ step, key, type, at, value: decodeValue(await actor.blobs.fromPayload(payload)) })
  }
  return artifacts
}

async function storage(actor: Actor, pool: Pool): Promise<Answer<'storage'>> {
  const { positions, ...totals } = await questions.storageTotals(pool)
  // Parts that one actor stores stand at the same position: one question to the broker for all of them.
  const groups = new Map<number, string[]>()
  for (const { unit, position } of positions) {
    const shard = shardOfUnit(unit)
    if (shard >= 0) groups.set(position, [...(groups.get(position) ?? []), filter.runShard(shard)])
  }
  const lags = await Promise.all(
    [...groups].map(([position, filters]) => countAfter(actor.bus.nc, STREAM.runs, filters, position)),
  )
  return { ...totals, lag: lags.reduce((sum, lag) => sum + lag, 0) }
}
