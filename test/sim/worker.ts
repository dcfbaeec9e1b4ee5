/** A worker: the real one's decisions on the commands in its hand, and a slot or two of virtual time. */
import { decide } from '#shared/actor/ask-first.ts'
import { toFailure } from '#shared/contract/failure.ts'
import { record } from '#shared/contract/subjects.ts'
import { decodeValue, encodeValue } from '#shared/wire/value.ts'
import type { HeldTask } from '../../services/worker/held-task.ts'
import { TasksInHand } from '../../services/worker/tasks-in-hand.ts'
import type { SimBroker, Taker } from './broker.ts'
import { runTask } from './programs.ts'
import type { Process } from './world.ts'

const SLOTS = 2
const BLOBS = {
  toPayload: (bytes: Uint8Array) => ({ inline: bytes }),
  fromPayload: (payload: object) => (payload as { inline: Uint8Array }).inline,
}

export type SimWorker = Taker & { askAgain(run: string): void }

/** @param announce says that a step runs. */
export function startWorker(
  broker: SimBroker,
  name: string,
  announce: (run: string, step: number, forMs: number) => void,
): SimWorker {
  const { world } = broker
  const process: Process = { name, dead: false, frozenUntil: 0 }
  const waiting: HeldTask[] = []
  let running = 0
  const hand: TasksInHand = new TasksInHand({
    actor: {
      id: name,
      host: name,
      job: undefined,
      log: { warn() {} } as never,
      blobs: BLOBS as never,
      bury: async (_stream, delivery, error) => {
        world.violations.push(`${delivery.subject} was buried: ${String(error)}`)
      },
    },
    async ask(question) {
      await world.wait(world.latency(), process)
      if (world.isLost()) throw new Error('the broker does not answer')
      const verdict = decide(question, (at) => broker.has(at))
      if (broker.has(record(question.run).completed) && verdict.wanted)
        world.violations.push(
          `step ${question.step} of ${question.run} is executed although the run has ended`,
        )
      await world.wait(world.latency(), process)
      return verdict
    },
    fresh: { isFresh: () => false, goesOn() {} },
    bundles: { fileOf: async () => 'sim' },
    records: { create: (draft) => broker.create(draft, process) },
    onRoom: () => broker.offer(),
  })
  const begin = (): void => {
    while (running < SLOTS) {
      const task = waiting.shift()
      if (task === undefined) return
      if (task.state === 'queued') execute(task)
    }
  }
  const execute = (task: HeldTask): void => {
    running++
    task.state = 'running'
    const startedAt = world.now
    let over = false
    const end = (then: () => void): void => {
      if (over) return
      over = true
      running--
      then()
      begin()
    }
    const args = decodeValue(task.material?.value ?? new Uint8Array()) as unknown[]
    const { ms, run } = runTask(task.command.name, args, task.id)
    if (ms > 100) world.after(100, () => over || announce(task.id.run, task.id.step, 100), process)
    const timer = world.after(
      ms,
      () =>
        end(() => {
          const times = { ms, startedAt, endedAt: world.now }
          try {
            hand.executed(task, { ...times, result: encodeValue(run(), 'the result') })
          } catch (error) {
            hand.executed(task, { ...times, error: toFailure(error, 'TASK_FAILED') })
          }
        }),
      process,
    )
    task.end = () => {
      timer.clear()
      end(() => {})
    }
  }
  hand.connect({
    queue(task) {
      waiting.push(task)
      begin()
    },
  })
  world.every(
    3_000,
    () => {
      for (const task of hand) task.delivery.working()
      // Asked now and then, in case that a word was lost.
      hand.askAgain({})
    },
    process,
  )
  return {
    process,
    room: () => hand.roomFor('c1', SLOTS),
    take: (delivery) => hand.accept([delivery]),
    askAgain: (run) => world.after(world.latency(), () => hand.askAgain({ run }), process),
  }
}
