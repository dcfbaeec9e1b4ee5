/** A `qubus run` in a process of its own: what the flow's code does while it is loaded is over with it. */
import { spawn } from 'node:child_process'
import { newRunId } from '#shared/contract/ids.ts'
import { EXIT } from '../exit-code.ts'
import type { RunVerbOptions } from '../verbs/run.ts'

export type ChildRun = {
  readonly run: string
  /** It is followed, or about to be. */
  readonly going: boolean
  /** Resolves at its end: with true when another one takes its place. */
  readonly done: Promise<boolean>
  replace(): void
  /** Stops following it, as Ctrl-C does. Resolves with its exit code. */
  leave(): Promise<number>
  kill(): Promise<void>
}

export function startRun(target: string, options: RunVerbOptions): ChildRun {
  const run = newRunId()
  const [, main = ''] = process.argv
  const child = spawn(
    process.execPath,
    [...process.execArgv, main, 'run', target, '--id', run, ...argumentsOf(options)],
    // Ctrl-C in our terminal is for us: we tell it, once.
    { stdio: ['ignore', 'inherit', 'inherit'], detached: true },
  )
  let code: number | undefined
  let replaced = false
  const done = new Promise<boolean>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (exitCode, signal) => {
      // One that is told so while it ends has no handler any more.
      code = exitCode ?? (signal === 'SIGINT' ? EXIT.interrupted : EXIT.failed)
      resolve(replaced)
    })
  })
  const end = async (signal: NodeJS.Signals): Promise<number> => {
    if (code === undefined) child.kill(signal)
    await done
    return code ?? 1
  }
  return {
    run,
    done,
    replace() {
      replaced = true
    },
    get going() {
      return code === undefined
    },
    leave: () => end('SIGINT'),
    kill: async () => void (await end('SIGTERM')),
  }
}

function argumentsOf(options: RunVerbOptions): string[] {
  const { params, param = [], tag = [], timeout, project, priority, user, pool, json } = options
  const one = (name: string, value: string | number | undefined): string[] =>
    value === undefined ? [] : [`--${name}=${value}`]
  return [
    ...one('params', params),
    ...param.map((each) => `--param=${each}`),
    ...tag.map((each) => `--tag=${each}`),
    ...one('timeout', timeout),
    ...one('project', project),
    ...one('priority', priority),
    ...one('user', user),
    ...one('pool', pool),
    ...(json ? ['--json'] : []),
  ]
}
