/** The whole system in a home of its own, as `qubus up --detach` leaves it: supervisor, broker, Postgres, all actors. */
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { serverUserFor } from '#infra/postgres/server-user.ts'
import { type Client, connect } from '#shared/client/index.ts'
import { readEnvironment } from '#shared/config/environment.ts'
import { homePaths } from '#shared/config/home.ts'
import { findByArguments } from '#shared/process/find.ts'
import { atEndOfFile } from './leaks.ts'
import { tempHome } from './temp-home.ts'
import { until } from './until.ts'

export type Part =
  | 'broker'
  | 'postgres'
  | 'coordinator'
  | 'allocator'
  | 'worker'
  | 'submitter'
  | 'vqpu'
  | 'results'

export type CliResult = { exitCode: number; stdout: string; stderr: string }

export type TestSystem = AsyncDisposable & {
  home: string
  client: Client
  /** The command line, on this home. */
  qubus(...args: string[]): Promise<CliResult>
  pidOf(part: Part): Promise<number>
  /** SIGKILL (or another signal) to one process of that part. */
  kill(part: Part, signal?: NodeJS.Signals): Promise<number>
}

const CLI = fileURLToPath(new URL('../../scripts/cli/main.ts', import.meta.url))

/** @param flags of `qubus up`, such as `--coordinators 2`. */
export async function withSystem(...flags: string[]): Promise<TestSystem> {
  atEndOfFile(async () => {})
  const folder = await tempHome()
  const home = folder.path
  const qubus = async (...args: string[]): Promise<CliResult> => {
    const { exitCode, stdout, stderr } = await execa(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', CLI, ...args],
      {
        env: { QUBUS_HOME: home },
        stdin: 'ignore',
        reject: false,
      },
    )
    return { exitCode: exitCode ?? -1, stdout, stderr }
  }
  const up = await qubus('up', '--detach', ...flags)
  if (up.exitCode !== 0) throw new Error(`qubus up: exit code ${up.exitCode}\n${up.stderr}`)
  const client = await connect({ home })

  const pidOf = (part: Part): Promise<number> =>
    until(`the ${part} runs`, async () => {
      if (part === 'broker') return findByArguments('--config', homePaths(home).brokerConfig)?.pid
      if (part === 'postgres')
        return findByArguments('-D', (await serverUserFor(home, readEnvironment().cache)).data)?.pid
      const { actors } = await client.status()
      return actors.find(({ name, state }) => name === part && state === 'ready')?.pid
    })
  return {
    home,
    client,
    qubus,
    pidOf,
    async kill(part, signal = 'SIGKILL') {
      const pid = await pidOf(part)
      process.kill(pid, signal)
      return pid
    },
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]()
      const down = await qubus('down')
      await folder[Symbol.asyncDispose]()
      if (down.exitCode !== 0) throw new Error(`qubus down: exit code ${down.exitCode}\n${down.stderr}`)
    },
  }
}
