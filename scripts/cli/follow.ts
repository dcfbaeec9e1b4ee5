/** Follows a run that is about to be asked for: progress and log lines as they come, then how it ended. */
import type { Client } from '#shared/client/client.ts'
import type { RunOutcome } from '#shared/client/outcome.ts'
import type { RunRequest } from '#shared/client/request.ts'
import { newRunId } from '#shared/contract/ids.ts'
import { renderLogLine } from './log-line.ts'
import { painter } from './terminal/colour.ts'
import { type Progress, type ProgressBar, progressBar } from './terminal/progress-bar.ts'

export type Followed = { run: string; outcome: RunOutcome } | { run: string; interrupted: true }

export type FollowOptions = {
  /** Shown before the progress. */
  label: string
  /** Called when the broker has the request on disk. */
  onSent?(run: string): void
}

// Log lines are published without waiting: the last ones may come just after the outcome.
const LAST_LINES_MS = 60

export function sendAndFollow(client: Client, wanted: RunRequest, options: FollowOptions): Promise<Followed> {
  return follow(client, wanted.run, {
    ...options,
    async send(run) {
      await client.request({ ...wanted, run })
    },
  })
}

/** @param id of the run; made up when not given. */
export async function follow(
  client: Client,
  id: string | undefined,
  { label, onSent, send }: FollowOptions & { send(run: string): Promise<void> },
): Promise<Followed> {
  const run = id ?? newRunId()
  const over = new AbortController()
  const interrupt = new AbortController()
  const onSignal = (): void => interrupt.abort(new Error('interrupted'))
  process.once('SIGINT', onSignal)
  try {
    using bar = progressBar(process.stderr, label)
    const watching = [showLogs(client, run, bar, over.signal), showProgress(client, run, bar, over.signal)]
    try {
      await send(run)
      onSent?.(run)
      const outcome = await client.outcome(run, { signal: interrupt.signal })
      await new Promise((resolve) => setTimeout(resolve, LAST_LINES_MS))
      return { run, outcome }
    } catch (error) {
      if (interrupt.signal.aborted) return { run, interrupted: true }
      throw error
    } finally {
      over.abort()
      await Promise.allSettled(watching)
    }
  } finally {
    process.off('SIGINT', onSignal)
  }
}

/** What to tell someone who stopped watching. */
export function leftGoing(run: string): string {
  return `the run ${run} goes on: qubus result ${run} waits for its result, qubus cancel ${run} ends it`
}

async function showLogs(client: Client, run: string, bar: ProgressBar, signal: AbortSignal): Promise<void> {
  const paint = painter(process.stderr)
  for await (const line of client.logs(run, { follow: true, history: false, signal }))
    bar.above(renderLogLine(line, paint))
}

async function showProgress(
  client: Client,
  run: string,
  bar: ProgressBar,
  signal: AbortSignal,
): Promise<void> {
  for await (const event of client.events({ run, follow: true, since: Date.now(), signal })) {
    if (event.type === 'qubus.run.progress') bar.update(progressOf(event.data))
  }
}

function progressOf(data: unknown): Progress {
  const {
    requested = 0,
    completed = 0,
    failed = 0,
    running,
    outstanding = 0,
  } = (data ?? {}) as Partial<Progress> & { outstanding?: number }
  return { requested, completed, failed, running: running ?? outstanding }
}
