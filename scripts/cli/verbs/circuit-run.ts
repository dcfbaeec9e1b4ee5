/** `qubus circuit run`: circuit files on a device, each as a run of the built-in flow `circuit`. */
import { basename } from 'node:path'
import { parseCircuit } from '#shared/circuit/index.ts'
import { type Client, connect } from '#shared/client/client.ts'
import type { CircuitResult } from '#shared/contract/circuit-result.ts'
import { newRunId } from '#shared/contract/ids.ts'
import { type ErrorForm, errorForm, failureForm } from '../error-form.ts'
import { EXIT, exitCodeOf, exitCodeOfRun } from '../exit-code.ts'
import { readText } from '../options.ts'
import { emit, print, say } from '../output.ts'
import { formatSeconds } from '../terminal/duration.ts'
import { renderHistogram } from '../terminal/histogram.ts'

export type CircuitRunOptions = {
  shots: number
  seed?: number
  device: string
  method?: string
  json?: boolean
}

/** A line of `--json`. */
type CircuitLine = {
  file: string
  state: string
  run?: string
  counts?: Record<string, number>
  shots: number
  seed?: number
  device: string
  method?: string
  seconds: number
  error?: ErrorForm
}

type Done = { line: CircuitLine; exitCode: number }

/** Requests on their way at once. */
const CONCURRENCY = 16

export async function circuitRun(files: string[], options: CircuitRunOptions): Promise<number> {
  // All files are read before the first one is sent: a typing error in the last name should cost nothing.
  const sources = files.map((file) => ({ file, source: readText(file) }))
  const checked = sources.map(({ file, source }) => ({ file, source, wrong: faultOf(file, source, options) }))
  if (checked.every(({ wrong }) => wrong !== undefined))
    return report(
      checked.map(({ wrong }) => Promise.resolve(wrong as Done)),
      options,
    )
  await using client = await connect()
  const over = new AbortController()
  const running = new Set<string>()
  const onSignal = (): void => over.abort(new Error('interrupted'))
  process.once('SIGINT', onSignal)
  const slots = limiter(CONCURRENCY)
  const results = checked.map(({ file, source, wrong }) =>
    wrong ? Promise.resolve(wrong) : slots(() => runOne(client, file, source, options, over.signal, running)),
  )
  const exit = await report(results, options)
  if (!over.signal.aborted) return exit
  for (const run of running) say(`the run ${run} goes on: qubus cancel ${run} ends it`)
  return EXIT.interrupted
}

function faultOf(file: string, source: string, { shots, device }: CircuitRunOptions): Done | undefined {
  try {
    parseCircuit(source, { file })
    return undefined
  } catch (error) {
    // Another language than the one read here may still be read by the device's engine.
    if ((error as { code?: unknown }).code === 'CIRCUIT_UNSUPPORTED') return undefined
    return {
      line: { file, state: 'failed', shots, device, seconds: 0, error: errorForm(error) },
      exitCode: EXIT.failed,
    }
  }
}

async function runOne(
  client: Client,
  file: string,
  source: string,
  options: CircuitRunOptions,
  signal: AbortSignal,
  running: Set<string>,
): Promise<Done> {
  const { shots, seed, device, method } = options
  const params = {
    source,
    file,
    name: basename(file),
    shots,
    device,
    ...(seed === undefined ? {} : { seed }),
    ...(method === undefined ? {} : { method }),
  }
  const run = newRunId()
  try {
    await client.request({ flow: 'circuit', run, params })
    running.add(run)
    const { state, result, error, seconds, steps } = await client.outcome(run, { signal })
    running.delete(run)
    const exitCode = exitCodeOfRun(state, error, steps)
    if (state !== 'completed')
      return {
        line: { file, state, run, shots, device, seconds, ...(error ? { error: failureForm(error) } : {}) },
        exitCode,
      }
    const done = result as CircuitResult
    const line = {
      file,
      state,
      run,
      counts: done.counts,
      shots: done.shots,
      seed: done.seed,
      device: done.device,
      method: done.method,
      seconds: Number(done.seconds.toFixed(6)),
    }
    return { line, exitCode }
  } catch (error) {
    return {
      line: {
        file,
        state: signal.aborted ? 'running' : 'failed',
        run,
        shots,
        device,
        seconds: 0,
        error: errorForm(error),
      },
      exitCode: exitCodeOf(error),
    }
  }
}

async function report(results: Array<Promise<Done>>, { json }: CircuitRunOptions): Promise<number> {
  let worst: number = EXIT.done
  for (const each of results) {
    const { line, exitCode } = await each
    worst = Math.max(worst, exitCode)
    if (json) emit(line)
    else if (line.counts) {
      print(
        `${line.file}: ${line.shots} shots on ${line.device} (${line.method}) in ${formatSeconds(line.seconds)}`,
      )
      print(renderHistogram(line.counts, { width: process.stdout.columns ?? 80 }))
    } else say(`error: ${line.error?.message ?? line.state}`)
  }
  return worst
}

function limiter(most: number): <T>(task: () => Promise<T>) => Promise<T> {
  const waiting: Array<() => void> = []
  let active = 0
  return async (task) => {
    if (active >= most) await new Promise<void>((resolve) => waiting.push(resolve))
    active++
    try {
      return await task()
    } finally {
      active--
      waiting.shift()?.()
    }
  }
}
