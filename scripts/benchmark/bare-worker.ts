/** The worker process of the bare program: see bare.ts. */
import { pack, unpack } from 'msgpackr'
import { openBare } from './bare.ts'

const bare = await openBare(Number(process.argv[2]))
let waiting: { subject: string; data: Uint8Array; ack(): void }[] = []

const messages = await (await bare.client.consumers.get('TASKS', 'worker')).consume({
  max_messages: 1000,
  callback(message) {
    waiting.push(message)
    if (waiting.length === 1) setImmediate(() => void work())
  },
})

async function work(): Promise<void> {
  const batch = waiting
  waiting = []
  const outcome = (subject: string): string => subject.replace('bare.task', 'bare.run')
  const known = await bare.present(batch.map(({ subject }) => outcome(subject)))
  for (const message of batch) {
    const subject = outcome(message.subject)
    if (known.has(subject)) message.ack()
    else {
      const { i } = unpack(message.data) as { i: number }
      bare.publish(subject, pack({ i, result: i })).then(
        () => message.ack(),
        (error: unknown) => console.error(error),
      )
    }
  }
}

process.send?.('ready')
process.on('disconnect', () => {
  messages.stop()
  process.exit(0)
})
