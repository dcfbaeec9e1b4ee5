/** The supervisor that `qubus up --detach` leaves behind; its output is its log. */
import { QubusError } from '#shared/contract/errors.ts'
import type { Counts } from './plan.ts'
import { supervise } from './supervise.ts'

const { counts, cluster } = JSON.parse(process.argv[2] ?? '{}') as { counts: Counts; cluster?: string }
const say = (text: string): void => void process.stderr.write(`${new Date().toISOString()} ${text}\n`)

try {
  const { taken } = await supervise({ counts, cluster, say, onReady: () => say('all are ready') })
  if (taken) say(`process ${taken.pid} supervises this home already`)
  process.exit(taken ? 3 : 0)
} catch (error) {
  say(error instanceof QubusError ? error.message : String((error as Error).stack ?? error))
  process.exit(3)
}
