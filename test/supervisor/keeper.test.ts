import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { keep, type Part } from '#infra/supervisor/keeper.ts'
import { identityOf, isAlive, type ProcessIdentity } from '#infra/supervisor/process-identity.ts'
import { adopt, type RunningProcess } from '#infra/supervisor/running-process.ts'
import '../support/leaks.ts'
import { until } from '../support/until.ts'

const noted: Array<number | undefined> = []
const part = (more: Partial<Part> = {}): Part => ({
  name: 'sleeper',
  start: () => Promise.resolve(sleeper()),
  note: (identity) => void noted.push(identity?.pid),
  endWith: 'SIGTERM',
  graceMs: 5_000,
  ...more,
})

function sleeper(): RunningProcess {
  return running(spawn(process.execPath, ['--eval', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' }))
}

/** One that has said something. */
async function talker(code: string): Promise<RunningProcess> {
  const child = spawn(process.execPath, ['--eval', code], { stdio: ['ignore', 'pipe', 'ignore'] })
  await once(child.stdout, 'data')
  return running(child)
}

function running(child: ChildProcess): RunningProcess {
  const exited = new Promise<string>((resolve) =>
    child.once('exit', (exit, signal) => resolve(String(signal ?? exit))),
  )
  return { identity: identityOf(child.pid ?? 0) as ProcessIdentity, exited }
}

test('what is killed runs again, and is noted', async () => {
  const said: string[] = []
  const keeper = keep(part(), (text) => said.push(text))
  await keeper.started
  const first = keeper.current?.identity as ProcessIdentity
  process.kill(first.pid, 'SIGKILL')
  const second = await until('another one runs', () =>
    keeper.current && keeper.current.identity.pid !== first.pid ? keeper.current.identity : undefined,
  )
  assert.deepEqual(said, [`sleeper (process ${first.pid}) ended: SIGKILL`])
  assert.deepEqual(noted.splice(0), [first.pid, undefined, second.pid])
  await keeper.stop()
  assert.equal(isAlive(second), false)
  assert.deepEqual(noted.splice(0), [undefined])
})

test('one that was left running is adopted: watched, started again, ended', async () => {
  const left = sleeper()
  const keeper = keep(part({ running: adopt(left.identity) }), () => {})
  await keeper.started
  assert.equal(keeper.current?.identity.pid, left.identity.pid)
  process.kill(left.identity.pid, 'SIGKILL')
  await until(
    'another one runs',
    () => keeper.current !== undefined && keeper.current.identity.pid !== left.identity.pid,
  )
  await keeper.stop()
})

test('what ignores the signal is killed when its time is over, or at once when forced', async () => {
  const deaf = "process.on('SIGTERM', () => {}); console.log('deaf'); setInterval(() => {}, 1000)"
  for (const force of [undefined, AbortSignal.abort()]) {
    const keeper = keep(part({ start: () => talker(deaf), graceMs: force ? 60_000 : 300 }), () => {})
    await keeper.started
    const { identity } = keeper.current as RunningProcess
    const asked = performance.now()
    await keeper.stop(force)
    assert.equal(performance.now() - asked >= 290, force === undefined)
    assert.equal(isAlive(identity), false)
  }
})

test('a start that fails is counted, tried again, and told to whoever waits for the first', async () => {
  let tries = 0
  const start = () => (++tries < 3 ? Promise.reject(new Error('no port')) : Promise.resolve(sleeper()))
  const said: string[] = []
  const keeper = keep(part({ start }), (text) => said.push(text))
  await assert.rejects(keeper.started, /no port/)
  await until('it runs', () => keeper.current)
  assert.equal(keeper.deaths, 2)
  assert.equal(said[0], 'sleeper could not be started: no port')
  await keeper.stop()
})

test('a stop while it is starting leaves nothing behind', async () => {
  let begin: (() => void) | undefined
  const gate = new Promise<void>((resolve) => {
    begin = resolve
  })
  let made: ProcessIdentity | undefined
  const start = async (): Promise<RunningProcess> => {
    await gate
    const running = sleeper()
    made = running.identity
    return running
  }
  const keeper = keep(part({ start }), () => {})
  const stopping = keeper.stop()
  begin?.()
  await stopping
  assert.equal(made && isAlive(made), false)
})
