/** What the allocator answers: which jobs there are, and "end all of them". */
import type { Actor } from '#shared/actor/actor.ts'
import type { CommandReply } from '#shared/contract/control.ts'
import { subject } from '#shared/contract/subjects.ts'
import { encode } from '#shared/wire/message.ts'
import type { Job } from './scheduler.ts'

/** Answer of `query.jobs`. */
export type JobsAnswer = {
  jobs: {
    job: string
    pool: string
    state: Job['state']
    how?: Job['how']
    reason?: string
    node?: string
    pid?: number
  }[]
  /** Why each pool has the jobs that it has. */
  pools: { pool: string; why: string }[]
  /** Why nothing is submitted now. */
  paused?: string
}

export type Questions = { jobs(): JobsAnswer; shutdown(): Promise<void> }

/** One of several allocators answers for all: they see the same jobs. */
const GROUP = 'allocators'

export function answerQuestions(actor: Actor, questions: Questions): Disposable {
  const { nc } = actor.bus
  const jobs = nc.subscribe(subject.query('jobs'), {
    queue: GROUP,
    callback: (error, message) => {
      if (!error) message.respond(encode(questions.jobs()))
    },
  })
  const shutdown = nc.subscribe(subject.command(actor.id, 'shutdown'), {
    callback: (error, message) => {
      if (error) return
      void questions.shutdown().then(
        () => message.respond(encode({ ok: true } satisfies CommandReply)),
        (cause: unknown) =>
          message.respond(encode({ ok: false, message: String(cause) } satisfies CommandReply)),
      )
    },
  })
  return {
    [Symbol.dispose]() {
      jobs.unsubscribe()
      shutdown.unsubscribe()
    },
  }
}
