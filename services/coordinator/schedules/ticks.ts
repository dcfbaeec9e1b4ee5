/** Schedules: the broker says when one is due, and whoever hears it asks for its run. */
import type { Actor } from '#shared/actor/actor.ts'
import { type CommandLoop, handleCommands } from '#shared/actor/handle-commands.ts'
import { ensureConsumer } from '#shared/bus/consumers.ts'
import { cloudHeaders } from '#shared/bus/headers.ts'
import type { Publisher } from '#shared/bus/publisher.ts'
import { eventType } from '#shared/contract/event.ts'
import type { FlowRequest } from '#shared/contract/flow-request.ts'
import { ScheduleRecord, scheduledRunId } from '#shared/contract/schedule.ts'
import { CONSUMER, STREAM } from '#shared/contract/streams.ts'
import { filter, lastToken, subject } from '#shared/contract/subjects.ts'
import { encode } from '#shared/wire/message.ts'

const AT_ONCE = 16

/** The run's id comes from the tick itself: heard twice, it is the same run. */
export async function hearTicks(actor: Actor, requests: Publisher): Promise<CommandLoop> {
  await ensureConsumer(actor.bus.nc, STREAM.schedules, CONSUMER.ticks, filter.ticks)
  return handleCommands(actor, {
    stream: STREAM.schedules,
    consumer: CONSUMER.ticks,
    schema: ScheduleRecord,
    concurrency: AT_ONCE,
    async handle({ request }, delivery) {
      const name = lastToken(delivery.subject)
      const run = scheduledRunId(name, delivery.time)
      const body: FlowRequest = {
        ...request,
        requestedAt: delivery.time,
        schedule: { name, at: delivery.time },
      }
      await requests.create({
        subject: subject.request(run),
        storedAs: subject.flow(run),
        body: encode(body),
        headers: cloudHeaders({
          type: eventType('run', 'queued'),
          id: `${run}.queued`,
          source: `/qubus/schedule/${name}`,
          time: delivery.time,
        }),
      })
      actor.emit({ noun: 'schedule', verb: 'fired', run, id: name, data: { flow: request.flow } })
    },
  })
}
