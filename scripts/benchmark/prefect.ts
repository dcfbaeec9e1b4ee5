/**
 * The same 1,000 no-op tasks in Prefect 3, on threads, with a server of its own on a PostgreSQL of its own: until all of
 * them are stored as completed. Skipped, in words, where there is no Python.
 */
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { Client } from 'pg'
import { startPostgres } from '#infra/postgres/start-postgres.ts'
import type { Bundle } from '#shared/bundle/index.ts'
import { readEnvironment } from '#shared/config/environment.ts'
import { type Figure, median } from './figures.ts'
import { type BenchSystem, freePort } from './systems.ts'
import { pause, timedRun } from './timed-run.ts'

const VERSION = '3.9.1'
const TASKS = 1_000
const WARM_UP = 50
const FLOW = fileURLToPath(new URL('./prefect-flow.py', import.meta.url))

export async function measureAgainstPrefect(system: BenchSystem, bundle: Bundle): Promise<Figure[]> {
  const python = await installPrefect(readEnvironment().cache)
  if (python === undefined) return []
  const ours = async (): Promise<number> =>
    TASKS / (await timedRun(system.client, bundle, 'bench-fan-out', { n: TASKS })).untilStored
  await using prefect = await startPrefect(python)
  await prefect.secondsUntilStored(WARM_UP)
  await ours()
  const before = await ours()
  // Minutes: one round must do.
  const baseline = TASKS / (await prefect.secondsUntilStored(TASKS))
  const value = median([before, await ours(), await ours()])
  const bench = `${TASKS} no-op tasks until stored, against Prefect ${VERSION} + PostgreSQL`
  return [{ bench, value, unit: 'tasks/s', baseline, ratio: value / baseline }]
}

/** @returns the interpreter of an environment that has it, made once in the user's cache. */
async function installPrefect(cache: string): Promise<string | undefined> {
  const folder = join(cache, `prefect-${VERSION}`)
  const python = join(folder, 'bin', 'python')
  const ready = join(folder, 'ready')
  if (existsSync(ready)) return python
  try {
    await mkdir(cache, { recursive: true })
    console.error(`bench: installing Prefect ${VERSION} (once, a minute or two) ...`)
    await execa('python3', ['-m', 'venv', folder])
    await execa(python, ['-m', 'pip', 'install', '--quiet', `prefect==${VERSION}`, 'asyncpg'])
    await execa('touch', [ready])
    return python
  } catch (error) {
    console.error(
      `bench: skipped Prefect: ${(error as { shortMessage?: string }).shortMessage ?? String(error)}`,
    )
    await rm(folder, { recursive: true, force: true })
    return undefined
  }
}

type Prefect = AsyncDisposable & { secondsUntilStored(tasks: number): Promise<number> }

async function startPrefect(python: string): Promise<Prefect> {
  await using stack = new AsyncDisposableStack()
  const home = await mkdtemp(join(tmpdir(), 'qubus-prefect-'))
  stack.defer(() => rm(home, { recursive: true, force: true }))
  const postgres = stack.use(await startPostgres({ home: join(home, 'postgres') }))
  stack.defer(() => postgres.stop())
  const port = await freePort()
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: home,
    PREFECT_HOME: home,
    PREFECT_API_DATABASE_CONNECTION_URL: postgres.url.replace(/^postgres(ql)?:/, 'postgresql+asyncpg:'),
    PREFECT_API_URL: `http://127.0.0.1:${port}/api`,
    PREFECT_SERVER_ANALYTICS_ENABLED: 'false',
    DO_NOT_TRACK: '1',
    PREFECT_LOGGING_LEVEL: 'ERROR',
    PREFECT_SERVER_UI_ENABLED: 'false',
  }
  const server = execa(
    python,
    ['-m', 'prefect', 'server', 'start', '--host', '127.0.0.1', '--port', String(port)],
    {
      env,
      extendEnv: false,
      reject: false,
      stdin: 'ignore',
      all: true,
      buffer: { all: true },
    },
  )
  let ended = false
  void server.then(() => {
    ended = true
  })
  stack.defer(async () => {
    server.kill('SIGTERM')
    await server
  })
  for (;;) {
    const healthy = await fetch(`${env.PREFECT_API_URL}/health`).then(
      ({ ok }) => ok,
      () => false,
    )
    if (healthy) break
    if (ended) throw new Error(`the Prefect server ended: ${(await server).all?.slice(-2_000)}`)
    await pause(200)
  }
  const database = new Client({ connectionString: postgres.url })
  await database.connect()
  stack.defer(() => database.end())
  const completed = async (): Promise<number> => {
    const { rows } = await database.query(`SELECT count(*) AS n FROM task_run WHERE state_type = 'COMPLETED'`)
    return Number((rows[0] as { n: string }).n)
  }
  let expected = 0
  const kept = stack.move()
  return {
    async secondsUntilStored(tasks) {
      expected += tasks
      const { stdout } = await execa(python, [FLOW, String(tasks)], { env, extendEnv: false })
      while ((await completed()) < expected) await pause(20)
      return Date.now() / 1000 - Number(stdout.split('\n')[0])
    },
    [Symbol.asyncDispose]: async () => kept.disposeAsync(),
  }
}
