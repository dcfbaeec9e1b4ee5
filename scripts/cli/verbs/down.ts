/** `qubus down`: drains and stops what `up` started on this home. */
import { stopHome } from '#infra/supervisor/stop.ts'
import { readEnvironment } from '#shared/config/environment.ts'
import { EXIT } from '../exit-code.ts'
import { emit, say } from '../output.ts'

export async function down(options: { json?: boolean }): Promise<number> {
  const { home } = readEnvironment()
  const force = new AbortController()
  process.once('SIGINT', () => force.abort(new Error('interrupted')))
  const stopped = await stopHome(home, say, force.signal)
  if (options.json) emit({ home, stopped })
  else say(stopped ? 'stopped' : `nothing runs in ${home}`)
  return EXIT.done
}
