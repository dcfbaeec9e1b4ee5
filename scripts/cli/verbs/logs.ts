/** `qubus logs`: the log lines of a run. */
import { type Client, connect } from '#shared/client/client.ts'
import type { RunLogLine } from '#shared/client/log-lines.ts'
import { unknownRun } from '#shared/client/run-state.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { EXIT } from '../exit-code.ts'
import { renderLogLine } from '../log-line.ts'
import { emit, print } from '../output.ts'
import { painter } from '../terminal/colour.ts'

export type LogsOptions = { follow?: boolean; step?: number; json?: boolean }

const LAST_LINES_MS = 200

export async function logs(run: string, options: LogsOptions): Promise<number> {
  await using client = await connect()
  const found = await client.find(run)
  const over = new AbortController()
  process.once('SIGINT', () => over.abort())
  const follow = options.follow === true && (found?.state === 'queued' || found?.state === 'running')
  if (follow) void stopAtTheEnd(client, run, over)
  const paint = painter(process.stdout)
  let shown = 0
  const show = (line: RunLogLine): void => {
    shown++
    if (options.step !== undefined && line.step !== options.step) return
    if (options.json) emit(line)
    else print(renderLogLine(line, paint))
  }
  for await (const line of client.logs(run, { follow, signal: over.signal })) show(line)
  // The broker keeps lines for a while; Postgres keeps them longer.
  if (shown === 0 && !follow) for await (const line of storedLines(client, run)) show(line)
  if (shown === 0 && found === undefined) throw unknownRun(run)
  return EXIT.done
}

async function stopAtTheEnd(client: Client, run: string, over: AbortController): Promise<void> {
  await client.outcome(run, { signal: over.signal }).catch(() => {})
  await new Promise((resolve) => setTimeout(resolve, LAST_LINES_MS))
  over.abort()
}

const PAGE = 10_000

async function* storedLines(client: Client, run: string): AsyncGenerator<RunLogLine> {
  try {
    for (let after = 0; ; ) {
      const { lines } = await client.query('logs', { run, limit: PAGE, after })
      for (const { id: _, fields, ...line } of lines)
        yield { ...line, ...(fields ? { fields } : {}) } as RunLogLine
      if (lines.length < PAGE) return
      after = lines.at(-1)?.id ?? after
    }
  } catch (error) {
    if (!(error instanceof QubusError && error.code === 'UNREACHABLE')) throw error
  }
}
