/**
 * Handles commands one by one: the handler returns → ack; it throws → by the kind of error: given up, or handed back
 * with a growing delay. The handler never retries on its own.
 */
import type { z } from 'zod'
import type { Delivery } from '../bus/delivery.ts'
import { Puller } from '../bus/puller.ts'
import { isRetryable } from '../contract/errors.ts'
import { toFailure } from '../contract/failure.ts'
import { type StreamName, WORKING_INTERVAL_SECONDS } from '../contract/streams.ts'
import { decode } from '../wire/message.ts'
import type { Actor } from './actor.ts'

export type CommandHandler<S extends z.ZodType> = {
  stream: StreamName
  consumer: string
  schema: S
  /** How many commands may be in hand at once. */
  concurrency: number
  /** Must not resolve before what the command asked for is durable. */
  handle(command: z.infer<S>, delivery: Delivery): Promise<void>
  /** Called instead of a dead letter when a well-formed command fails for good; then it is acked. */
  onFailed?(command: z.infer<S>, delivery: Delivery, error: unknown): Promise<void>
  onGone?(): void
}

export type CommandLoop = {
  /** Commands in hand. */
  readonly active: number
  /** More may be in hand now. */
  more(): void
  /** Takes nothing more. */
  stop(): void
  /** Resolves when nothing is in hand, or `deadline` is aborted: what is left goes back. */
  drain(deadline: AbortSignal): Promise<void>
}

/** A command that fails this often for reasons that may pass is given up. */
const GIVE_UP_AFTER = 20

export function handleCommands<S extends z.ZodType>(actor: Actor, options: CommandHandler<S>): CommandLoop {
  const held = new Set<Delivery>()
  let idle: (() => void) | undefined
  const puller = new Puller(actor.bus, {
    stream: options.stream,
    consumer: options.consumer,
    credit: () => (actor.stopping.aborted ? 0 : options.concurrency - held.size),
    onBatch(batch) {
      for (const delivery of batch) {
        held.add(delivery)
        void settle(actor, options, delivery).finally(() => {
          held.delete(delivery)
          if (held.size === 0) idle?.()
          puller.more()
        })
      }
    },
    ...(options.onGone === undefined ? {} : { onGone: options.onGone }),
  })
  const timer = setInterval(() => {
    for (const delivery of held) delivery.working()
  }, WORKING_INTERVAL_SECONDS * 1000)
  timer.unref()
  return {
    get active() {
      return held.size
    },
    more: () => puller.more(),
    stop: () => puller.stop(),
    async drain(deadline) {
      puller.stop()
      if (held.size > 0) {
        await new Promise<void>((resolve) => {
          idle = resolve
          deadline.addEventListener('abort', () => resolve(), { once: true })
          if (deadline.aborted) resolve()
        })
      }
      clearInterval(timer)
      for (const delivery of held) delivery.nak()
    },
  }
}

async function settle<S extends z.ZodType>(
  actor: Actor,
  options: CommandHandler<S>,
  delivery: Delivery,
): Promise<void> {
  try {
    await attempt(actor, options, delivery)
  } catch (error) {
    // Neither the answer to a failure nor a dead letter could be written.
    actor.log.error({ err: error, subject: delivery.subject }, 'a failure could not be recorded; handed back')
    delivery.nak(delayAfter(delivery))
  }
}

async function attempt<S extends z.ZodType>(
  actor: Actor,
  options: CommandHandler<S>,
  delivery: Delivery,
): Promise<void> {
  let command: z.infer<S>
  try {
    command = decode(options.schema, delivery.data)
  } catch (error) {
    return actor.bury(options.stream, delivery, error)
  }
  try {
    await options.handle(command, delivery)
  } catch (error) {
    const failure = toFailure(error, 'INTERNAL')
    if (isRetryable(failure.code) && delivery.deliveries < GIVE_UP_AFTER) {
      actor.log.warn(
        { err: error, subject: delivery.subject, deliveries: delivery.deliveries },
        'handed back',
      )
      return delivery.nak(delayAfter(delivery))
    }
    if (options.onFailed === undefined) return actor.bury(options.stream, delivery, error)
    await options.onFailed(command, delivery, error)
  }
  delivery.ack()
}

function delayAfter({ deliveries }: Delivery): number {
  return Math.min(30_000, 100 * 2 ** deliveries)
}
