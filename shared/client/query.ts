/** Questions that other actors answer: result storage, and the coordinator that holds a run. */
import { z } from 'zod'
import { QubusError } from '../contract/errors.ts'
import { Failure, fromFailure } from '../contract/failure.ts'
import { assertToken } from '../contract/ids.ts'
import { type Answer, LiveRun, QUERIES, type QueryName, type Question } from '../contract/query.ts'
import { subject } from '../contract/subjects.ts'
import { decode, encode, unpack } from '../wire/message.ts'
import type { Session } from './session.ts'

const TIMEOUT_MS = 10_000
const INSPECT_MS = 2_000

/** Asks result storage. @throws QubusError `UNREACHABLE` when nobody answers; `INVALID_REQUEST` for a malformed question. */
export async function ask<N extends QueryName>(
  session: Session,
  name: N,
  question: Question<N>,
): Promise<Answer<N>> {
  const checked = QUERIES[name].question.safeParse(question)
  if (!checked.success) {
    const issue = checked.error.issues[0]
    throw new QubusError(
      'INVALID_REQUEST',
      `the question's ${issue?.path.join('.') || 'form'}: ${issue?.message}`,
    )
  }
  return (await request(
    session,
    subject.query(name),
    checked.data,
    QUERIES[name].answer,
    TIMEOUT_MS,
  )) as Answer<N>
}

/** The live view of a run; undefined when no coordinator holds it now. */
export async function inspectRun(session: Session, run: string): Promise<LiveRun | undefined> {
  assertToken('the run id', run)
  return request(session, subject.inspect(run), {}, LiveRun, INSPECT_MS).catch((error: unknown) => {
    if (error instanceof QubusError && error.code === 'UNREACHABLE') return undefined
    throw error
  })
}

async function request<S extends z.ZodType>(
  session: Session,
  to: string,
  question: unknown,
  answer: S,
  timeout: number,
): Promise<z.infer<S>> {
  const reply = await session.bus.nc.request(to, encode(question), { timeout }).catch((cause: Error) => {
    throw new QubusError('UNREACHABLE', `nobody answers ${to}: is that actor running (qubus status)?`, {
      cause,
    })
  })
  const refusal = Refusal.safeParse(unpack(reply.data)).data
  if (refusal) throw fromFailure(refusal.error)
  return decode(answer, reply.data)
}

// No answer has a field of that name.
const Refusal = z.object({ error: Failure })
