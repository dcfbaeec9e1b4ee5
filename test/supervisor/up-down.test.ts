/** Whole systems in homes of their own, by the real command. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { serverUserFor } from '#infra/postgres/server-user.ts'
import { readEnvironment } from '#shared/config/environment.ts'
import { findByArguments } from '#shared/process/find.ts'
import { qubus, start } from '../cli/qubus.ts'
import { tempHome } from '../support/temp-home.ts'
import { until } from '../support/until.ts'

type Actor = { name: string; pid: number; state: string }

const actorsOf = async (home: string): Promise<Actor[]> => {
  const { lines } = await qubus(['status', '--json'], { home })
  return ((lines[0]?.['actors'] as Actor[] | undefined) ?? []).filter(({ state }) => state === 'ready')
}
const pidOf = (home: string, name: string): number =>
  JSON.parse(readFileSync(join(home, 'processes', `${name}.json`), 'utf8')).identity.pid
const supervisorOf = (home: string): number =>
  JSON.parse(readFileSync(join(home, 'supervisor.json'), 'utf8')).pid
/** Processes whose arguments or environment name the home. */
const processesOf = (home: string): string[] =>
  readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false
    try {
      return ['cmdline', 'environ'].some((file) =>
        readFileSync(`/proc/${pid}/${file}`, 'latin1').includes(home),
      )
    } catch {
      return false
    }
  })

test('up leaves a system behind, heals it, adopts what a killed supervisor left, and down leaves nothing', {
  timeout: 300_000,
}, async (t) => {
  await using folder = await tempHome()
  const home = join(folder.path, 'home')
  t.after(() => qubus(['down'], { home }))
  const first = await qubus(['up', '--detach', '--coordinators', '2', '--json'], { home })
  assert.equal(first.exitCode, 0, first.stderr)

  await t.test('up says where things are, without secrets, and all are ready', async () => {
    const { broker, postgres, home: where, page } = first.lines[0] as Record<string, string>
    assert.match(
      `${broker} ${postgres}`,
      /^nats:\/\/127\.0\.0\.1:\d+ postgres:\/\/127\.0\.0\.1:\d+\/postgres$/,
    )
    assert.deepEqual([where, page], [home, null])
    const names = (await actorsOf(home)).map(({ name }) => name).sort()
    assert.deepEqual(
      names.filter((name) => name !== 'worker' && name !== 'vqpu'),
      ['allocator', 'coordinator', 'coordinator', 'results', 'submitter'],
    )
    assert.ok(names.includes('worker'))
  })

  await t.test('logs are readable by their owner alone', () => {
    assert.equal(statSync(join(home, 'logs')).mode & 0o777, 0o700)
    for (const name of ['coordinator', 'coordinator-2', 'allocator', 'results', 'submitter', 'supervisor']) {
      assert.equal(statSync(join(home, 'logs', `${name}.log`)).mode & 0o777, 0o600)
    }
  })

  await t.test('a second up adopts what runs', async () => {
    const supervisor = supervisorOf(home)
    for (const args of [
      ['up', '--detach', '--json'],
      ['up', '--json'],
    ]) {
      const { exitCode, lines, stderr } = await qubus(args, { home })
      assert.equal(exitCode, 0)
      assert.deepEqual(lines, first.lines)
      assert.match(stderr, /it runs already/)
    }
    assert.equal(supervisorOf(home), supervisor)
  })

  await t.test('an actor, the broker and Postgres that are killed run again', async () => {
    const coordinator = pidOf(home, 'coordinator')
    process.kill(coordinator, 'SIGKILL')
    await until('another coordinator is noted', () => {
      try {
        return pidOf(home, 'coordinator') !== coordinator
      } catch {
        return false
      }
    })
    const { data } = await serverUserFor(home, readEnvironment().cache)
    const postgres = findByArguments('-D', data)?.pid ?? 0
    process.kill(postgres, 'SIGKILL')
    const broker = JSON.parse(readFileSync(join(home, 'connection.json'), 'utf8')) as {
      url: string
      pid: number
    }
    process.kill(broker.pid, 'SIGKILL')
    await until('all are ready again', async () => {
      const ready = await actorsOf(home)
      return (
        ready.some(({ pid }) => pid === pidOf(home, 'coordinator')) &&
        ready.some(({ name }) => name === 'results')
      )
    })
    const after = JSON.parse(readFileSync(join(home, 'connection.json'), 'utf8')) as {
      url: string
      pid: number
    }
    assert.equal(after.url, broker.url)
    assert.notEqual(after.pid, broker.pid)
    await until(
      'Postgres answers again',
      async () => (await qubus(['runs', '--json'], { home })).exitCode === 0,
    )
    assert.notEqual(findByArguments('-D', data)?.pid, postgres)
  })

  await t.test(
    'a supervisor that is killed takes nothing with it, and the next one takes over the same processes',
    async () => {
      const before = ['coordinator', 'coordinator-2', 'allocator', 'submitter', 'results'].map((name) =>
        pidOf(home, name),
      )
      process.kill(supervisorOf(home), 'SIGKILL')
      const again = await qubus(['up', '--detach', '--coordinators', '2', '--json'], { home })
      assert.equal(again.exitCode, 0, again.stderr)
      assert.deepEqual(again.lines, first.lines)
      assert.deepEqual(
        ['coordinator', 'coordinator-2', 'allocator', 'submitter', 'results'].map((name) =>
          pidOf(home, name),
        ),
        before,
      )
    },
  )

  await t.test('down ends everything, also after its supervisor was killed', async () => {
    process.kill(supervisorOf(home), 'SIGKILL')
    const { exitCode, lines, stderr } = await qubus(['down', '--json'], { home })
    assert.equal(exitCode, 0, stderr)
    assert.deepEqual(lines, [{ home, stopped: true }])
    assert.deepEqual(processesOf(home), [])
    assert.equal((await qubus(['down'], { home })).exitCode, 0)
    assert.equal((await qubus(['status'], { home })).exitCode, 3)
  })
})

test('two homes run side by side; Ctrl-C in the foreground drains one and leaves the other', {
  timeout: 300_000,
}, async (t) => {
  await using folder = await tempHome()
  const [one, two] = [join(folder.path, 'one'), join(folder.path, 'two')]
  t.after(() => Promise.all([qubus(['down'], { home: one }), qubus(['down'], { home: two })]))
  const [first, second] = [start(['up', '--json'], { home: one }), start(['up', '--json'], { home: two })]
  let said = ''
  first.stdout.on('data', (text: Buffer) => {
    said += String(text)
  })
  await until('the second is ready', async () => (await actorsOf(two)).some(({ name }) => name === 'worker'))
  await until('the first is ready', () => said.includes('\n'))
  first.kill('SIGINT')
  assert.equal((await first).exitCode, 0)
  assert.deepEqual(processesOf(one), [])
  assert.ok((await actorsOf(two)).length >= 5)
  second.kill('SIGTERM')
  assert.equal((await second).exitCode, 0)
  assert.deepEqual(processesOf(two), [])
})

test('what keeps a system from starting is said with the end of its log, and nothing is left', {
  timeout: 120_000,
}, async () => {
  await using folder = await tempHome()
  const home = join(folder.path, 'home')
  const { exitCode, stderr } = await qubus(['up', '--detach'], {
    home,
    env: { QUBUS_DATABASE_URL: 'postgres://nobody:x@127.0.0.1:1/none', QUBUS_LOG_LEVEL: 'loud' },
  })
  assert.equal(exitCode, 2)
  assert.match(stderr, /QUBUS_LOG_LEVEL: got "loud"/)
  const broken = await qubus(['up', '--detach'], {
    home,
    env: { PATH: '/nowhere', QUBUS_CACHE: join(folder.path, 'empty') },
  })
  assert.equal(broken.exitCode, 3)
  assert.match(broken.stderr, /nats-server/)
  assert.deepEqual(processesOf(home), [])
})
