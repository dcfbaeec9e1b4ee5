/** `qubus run FILE --watch`: runs a flow anew whenever its code has changed. Each run is a `qubus run` of its own, beside. */
import { statSync } from 'node:fs'
import { relative } from 'node:path'
import { type Client, connect } from '#shared/client/client.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { describeError, errorForm } from '../error-form.ts'
import { EXIT } from '../exit-code.ts'
import { emit, say } from '../output.ts'
import { type ChildRun, startRun } from '../watch/child-run.ts'
import { nextChanges, type Snapshot } from '../watch/file-changes.ts'
import { assertWatchable, readCode } from '../watch/watched-code.ts'
import type { RunVerbOptions } from './run.ts'

export async function runWatched(target: string, options: RunVerbOptions): Promise<number> {
  if (options.detach || options.id !== undefined || options.run !== undefined)
    throw new QubusError(
      'INVALID_OPTION',
      '--watch follows each run, under an id of its own: leave --detach and --id out',
    )
  assertWatchable(target)
  await using client = await connect()
  const over = new AbortController()
  const onSignal = (): void => over.abort()
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.once(signal, onSignal)
  let running: ChildRun | undefined
  try {
    let files: Snapshot = new Map()
    let changed: string[] = []
    let version: string | undefined
    let told: string | undefined
    while (!over.signal.aborted) {
      const code = await readCode(target, files)
      files = code.files
      if (code.error !== undefined) {
        const text = describeError(code.error)
        if (text !== told || changed.length > 0) tellError(code.error, options.json)
        told = text
      } else if (code.version !== version) {
        told = undefined
        version = code.version
        if (running?.going) await endRun(client, running)
        if (over.signal.aborted) break
        running = startRun(target, options)
        void running.done.then((replaced) => {
          if (!replaced && !over.signal.aborted) say(`watching ${target} and what it imports: Ctrl-C ends`)
        })
      } else if (changed.length > 0) say('the code is as it was')
      changed = (await nextChanges(files, over.signal)).filter(isNoFolder)
      if (changed.length > 0) tellChanged(changed, options.json)
    }
    return running?.going ? await running.leave() : EXIT.done
  } finally {
    for (const signal of signals) process.off(signal, onSignal)
  }
}

/** A run that does not end so soon is left: somebody has to be there to cancel it. */
const PATIENCE_MS = 10_000

async function endRun(client: Client, running: ChildRun): Promise<void> {
  const { run } = running
  running.replace()
  say(`run ${run} is cancelled`)
  const why = 'its code has changed'
  try {
    await client.cancel(run, why)
  } catch (error) {
    if (!(error instanceof QubusError && error.code === 'UNKNOWN_RUN')) throw error
    // It had not come so far as to ask for the run; or has in this very moment.
    await running.kill()
    await client.cancel(run, why).catch(() => {})
  }
  const late = setTimeout(() => void running.leave(), PATIENCE_MS)
  await running.done
  clearTimeout(late)
}

// A folder only tells that something may have come.
function isNoFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true
}

function tellChanged(paths: string[], json = false): void {
  const names = paths.map((path) => relative(process.cwd(), path) || path)
  if (json) emit({ changed: names })
  say(`${names.slice(0, 3).join(', ')}${names.length > 3 ? ` and ${names.length - 3} more` : ''} changed`)
}

function tellError(error: unknown, json = false): void {
  say(`${describeError(error)}\nwatching goes on`)
  if (json) emit({ error: errorForm(error) })
}
