/** A submitter's life: the registry's view, the queue of submissions, the watch over devices. */
import type { Actor, Running } from '#shared/actor/actor.ts'
import { handleCommands } from '#shared/actor/handle-commands.ts'
import { ensureConsumer } from '#shared/bus/consumers.ts'
import { watchRegistry } from '#shared/bus/registry.ts'
import { CircuitCommand } from '#shared/contract/command.ts'
import { CONSUMER, STREAM } from '#shared/contract/streams.ts'
import { filter } from '#shared/contract/subjects.ts'
import type { SubmitterOptions } from './arguments.ts'
import { circuitReader } from './circuit-needs.ts'
import { countSent } from './sent-circuits.ts'
import { standingReader } from './standing.ts'
import { type Desk, failSubmission, submitCircuit } from './submit-circuit.ts'
import { watchDevices } from './watch-devices.ts'

/** All submitters share one consumer: what one of them holds, no other may starve of. */
const IN_HAND = 256

export async function startSubmitter(actor: Actor, options: SubmitterOptions): Promise<Running> {
  const { nc } = actor.bus
  await ensureConsumer(nc, STREAM.submissions, CONSUMER.submissions, filter.submissions)
  const registry = watchRegistry(actor.bus, () => {})
  await registry.ready
  const desk: Desk = {
    actor,
    pool: options.pool,
    devices: registry.vqpus,
    sent: countSent(registry.vqpus),
    records: actor.publisher({ stream: STREAM.runs, batchSize: 200 }),
    commands: actor.publisher({ stream: STREAM.circuits, batchSize: 200 }),
    read: circuitReader(),
    standing: standingReader(nc),
  }
  const watch = watchDevices(desk, options.graceSeconds)
  const submissions = handleCommands(actor, {
    stream: STREAM.submissions,
    consumer: CONSUMER.submissions,
    schema: CircuitCommand,
    concurrency: IN_HAND,
    handle: (command, delivery) => submitCircuit(desk, command, delivery),
    onFailed: (command, delivery, error) => failSubmission(desk, command, delivery, error),
  })
  submissions.more()
  return {
    async drain(deadline) {
      watch[Symbol.dispose]()
      await submissions.drain(deadline)
      registry[Symbol.dispose]()
    },
  }
}
