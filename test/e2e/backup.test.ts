/** A backup of a busy system, brought back after the system was lost. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { appendFile, cp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Client as Postgres } from 'pg'
import { restoreHome } from '#infra/backup/restore-home.ts'
import { bundleFlowFile } from '#shared/bundle/index.ts'
import { readAll } from '#shared/bus/direct.ts'
import { type Client, connect } from '#shared/client/index.ts'
import { openSession } from '#shared/client/session.ts'
import { databaseUrlFrom } from '#shared/config/credentials.ts'
import { readEnvironment, variablesWith } from '#shared/config/environment.ts'
import type { QubusError } from '#shared/contract/errors.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { parseRecordSubject, record } from '#shared/contract/subjects.ts'
import { codeOf, qubus, type Said } from '../cli/qubus.ts'
import { type TempHome, tempHome } from '../support/temp-home.ts'
import { until } from '../support/until.ts'
import { type TestSystem, withSystem } from '../support/with-system.ts'

const KEPT = fileURLToPath(new URL('../fixtures/flows/kept.ts', import.meta.url))
const sumOfSquares = (n: number): number => ((n - 1) * n * (2 * n - 1)) / 6

const FINISHED = 20
const TASKS = 60
const LARGE = 400_000

describe('a backup of a busy system', () => {
  let system: TestSystem
  let folder: TempHome
  let fresh: TempHome
  let dir: string
  let gate: string
  const finished: string[] = []
  const active: Record<string, string> = {}

  before(async () => {
    folder = await tempHome()
    fresh = await tempHome()
    dir = join(folder.path, 'backup')
    gate = join(folder.path, 'gate')
    system = await withSystem()
  })
  after(async () => {
    await qubus(['down'], { home: fresh.path })
    await system[Symbol.asyncDispose]()
    await fresh[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })
  const restore = (from: string, home: string): Promise<Said> => qubus(['restore', from, '--json'], { home })

  test('is made while runs go on, for its owner alone', async () => {
    const { client } = system
    const bundle = await bundleFlowFile(KEPT)
    const ask = (flow: string, params: object): Promise<string> => client.request({ flow, bundle, params })
    assert.equal((await system.qubus('publish', KEPT)).exitCode, 0)
    assert.equal((await system.qubus('limit', 'set', 'licences', '3')).exitCode, 0)
    assert.equal((await system.qubus('signal', 'set', 'kept', '{"a":1}')).exitCode, 0)
    assert.equal(
      (await system.qubus('schedule', 'set', 'nightly', '0 3 * * *', 'sums', '-p', 'n=2')).exitCode,
      0,
    )
    for (let i = 0; i < FINISHED; i++) finished.push(await ask('sums', { n: i }))
    finished.push(await ask('large', { bytes: LARGE }))
    for (const run of finished) assert.equal((await client.outcome(run)).state, 'completed')

    active['sleeps'] = await ask('sleeps', { seconds: 40 })
    active['waits'] = await ask('waits', { name: 'go' })
    const ended = (run = ''): Promise<number> =>
      client.inspect(run).then(
        (live) => live?.completed ?? 0,
        () => 0,
      )
    await until(
      'they wait',
      async () => (await ended(active['sleeps'])) > 0 && (await ended(active['waits'])) > 0,
    )
    active['sums'] = await ask('sums', { n: TASKS, gate })
    active['parent'] = await ask('parent', { n: 20, gate })
    await until('work is in its midst', async () => (await ended(active['sums'])) > 10)
    const made = await qubus(['backup', dir, '--json'], { home: system.home })
    assert.equal(made.exitCode, 0, made.stderr)
    const [summary] = made.lines
    const streams = summary?.['streams'] as { stream: string; messages: number }[]
    assert.ok((streams.find(({ stream }) => stream === STREAM.runs)?.messages ?? 0) > FINISHED * 2)
    assert.match(made.stderr, /RUNS/)
    for (const file of await readdir(dir, { recursive: true }))
      assert.equal(statSync(join(dir, file)).mode & 0o077, 0, `${file} is open to others`)
    // Its moment lay in the midst of them.
    for (const name of ['sums', 'parent', 'waits'])
      assert.notEqual((await client.find(active[name] ?? ''))?.state, 'ended')
    const again = await qubus(['backup', dir, '--json'], { home: system.home })
    assert.deepEqual([again.exitCode, codeOf(again.lines[0])], [2, 'INVALID_OPTION'])
  })

  test('is refused where something is, where a file is damaged, and by a version that is too old', async () => {
    const used = await restore(dir, system.home)
    assert.deepEqual([used.exitCode, codeOf(used.lines[0])], [2, 'NOT_EMPTY'], used.stderr)
    const copy = join(folder.path, 'copy')
    const damaged = async (change: () => Promise<void>): Promise<string> => {
      await rm(copy, { recursive: true, force: true })
      await cp(dir, copy, { recursive: true })
      await change()
      const environment = readEnvironment(variablesWith({ QUBUS_HOME: fresh.path }))
      const error = await restoreHome(environment, copy, () => {}).then(
        () => assert.fail('it was restored'),
        (failure: QubusError) => failure,
      )
      assert.equal(error.code, 'BACKUP_INVALID', error.stack)
      assert.deepEqual(await readdir(fresh.path), [])
      return error.message
    }
    const runs = join(copy, 'streams', 'RUNS.snapshot')
    const manifest = join(copy, 'manifest.json')
    assert.match(await damaged(() => appendFile(runs, 'x')), /RUNS\.snapshot is damaged/)
    assert.match(
      await damaged(async () => {
        const bytes = await readFile(runs)
        bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
        await writeFile(runs, bytes)
      }),
      /SHA-256/,
    )
    assert.match(await damaged(() => rm(runs)), /is missing/)
    assert.match(await damaged(() => rm(manifest)), /no finished backup/)
    const change = async (what: object): Promise<void> => {
      const read = JSON.parse(await readFile(manifest, 'utf8')) as object
      await writeFile(manifest, JSON.stringify({ ...read, ...what }))
    }
    assert.match(await damaged(() => change({ format: 99 })), /format 99/)
    assert.match(await damaged(() => change({ migrations: ['0001_tables', '9999_later'] })), /9999_later/)
  })

  test('goes on where it was made: each run ends with the exact result, each outcome and each row once', async () => {
    const { client, home } = system
    // What comes later is lost with the system.
    const bundle = await bundleFlowFile(KEPT)
    const later = await client.request({ flow: 'large', bundle, params: { bytes: 1 } })
    await client.outcome(later)
    await client[Symbol.asyncDispose]()
    await killAll(home)

    const restored = await restore(dir, fresh.path)
    assert.equal(restored.exitCode, 0, restored.stderr)
    const up = await qubus(['up', '--detach'], { home: fresh.path })
    assert.equal(up.exitCode, 0, up.stderr)
    await using after = await connect({ home: fresh.path })
    assert.equal(await after.find(later), undefined)
    assert.deepEqual((await after.flows()).map(({ flow }) => flow).sort(), [
      'large',
      'parent',
      'sleeps',
      'sums',
      'waits',
    ])
    assert.equal((await after.signals.get('kept'))?.count, 1)
    const limits = await qubus(['limit', 'list', '--json'], { home: fresh.path })
    assert.equal(limits.lines[0]?.['places'], 3)
    const schedules = await qubus(['schedule', 'list', '--json'], { home: fresh.path })
    assert.equal(schedules.lines[0]?.['schedule'], 'nightly')

    await after.signals.set('go', 'now')
    await writeFile(gate, '')
    const result = async (name: string): Promise<unknown> => {
      const outcome = await after.outcome(active[name] ?? '', { signal: AbortSignal.timeout(120_000) })
      assert.equal(outcome.state, 'completed', JSON.stringify(outcome.error))
      return outcome.result
    }
    assert.equal(await result('sums'), sumOfSquares(TASKS))
    assert.equal(await result('parent'), sumOfSquares(20) + 1)
    assert.equal(await result('sleeps'), 25)
    assert.deepEqual(await result('waits'), { before: 25, told: 'now' })
    for (const [i, run] of finished.entries()) {
      const outcome = await after.outcome(run)
      assert.deepEqual(outcome.result, i === FINISHED ? 'x'.repeat(LARGE) : sumOfSquares(i))
    }
    await onceEach(after, fresh.path, [...finished, ...Object.values(active)])
  })
})

/** Each step of each run has one outcome in the log, and one row; each run one row. */
async function onceEach(client: Client, home: string, runs: string[]): Promise<void> {
  await using session = await openSession({ home })
  const environment = readEnvironment(variablesWith({ QUBUS_HOME: home }))
  const postgres = new Postgres({ connectionString: databaseUrlFrom(environment) })
  await postgres.connect()
  try {
    for (const run of runs) {
      const recorded: number[] = []
      for await (const page of readAll(session.bus.nc, STREAM.runs, record(run).all))
        for (const { subject } of page) {
          const parsed = parseRecordSubject(subject)?.record
          if (parsed?.kind === 'outcome') recorded.push(parsed.step)
        }
      const { steps } = await client.outcome(run)
      assert.deepEqual(
        recorded.sort((a, b) => a - b),
        Array.from({ length: steps }, (_, i) => i + 1),
      )
      await until(
        'all of it is in Postgres',
        async () => (await client.query('run', { run }).catch(() => undefined))?.run?.state === 'completed',
      )
      const { rows } = await postgres.query('select step from steps where run = $1 order by step', [run])
      assert.deepEqual(
        rows.map(({ step }) => step),
        recorded,
      )
      assert.equal((await postgres.query('select 1 from runs where run = $1', [run])).rowCount, 1)
    }
  } finally {
    await postgres.end()
  }
}

/** The whole system at once, the supervisor first so that it starts nothing again. */
async function killAll(home: string): Promise<void> {
  const supervisor = JSON.parse(await readFile(join(home, 'supervisor.json'), 'utf8')) as { pid: number }
  process.kill(supervisor.pid, 'SIGKILL')
  const ofHome = (): number[] =>
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => belongsTo(pid, home))
  for (const pid of ofHome()) kill(pid)
  await until('all of it is gone', async () => ofHome().length === 0)
}

function belongsTo(pid: number, home: string): boolean {
  try {
    return ['environ', 'cmdline'].some((file) =>
      readFileSync(`/proc/${pid}/${file}`, 'latin1').includes(`${home}`),
    )
  } catch {
    return false
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself.
  }
}
