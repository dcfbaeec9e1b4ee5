import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { connectionFor, databaseUrlFrom } from '#shared/config/credentials.ts'
import { readEnvironment } from '#shared/config/environment.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { tempHome } from '../support/temp-home.ts'

test('without variables everything lies under the user folder, and the result is frozen', () => {
  const environment = readEnvironment({ HOME: '/home/me' })
  assert.equal(environment.home, '/home/me/.local/state/qubus')
  assert.equal(environment.cache, '/home/me/.cache/qubus')
  assert.equal(environment.logLevel, 'info')
  assert.equal(environment.url, undefined)
  assert.ok(Object.isFrozen(environment) && Object.isFrozen(environment.paths))
})

test('XDG folders are used when absolute, and empty variables are none', () => {
  const environment = readEnvironment({
    HOME: '/home/me',
    XDG_STATE_HOME: '/state',
    XDG_CACHE_HOME: 'relative',
    QUBUS_POOL: '',
  })
  assert.equal(environment.home, '/state/qubus')
  assert.equal(environment.cache, '/home/me/.cache/qubus')
  assert.equal(environment.pool, undefined)
})

test("Slurm's job and end time are read where ours are not set", () => {
  const slurm = { HOME: '/h', SLURM_JOB_ID: '42', SLURM_JOB_END_TIME: '1767225600' }
  assert.equal(readEnvironment(slurm).job, '42')
  assert.equal(readEnvironment(slurm).jobEndsAt, 1767225600000)
  assert.equal(readEnvironment({ ...slurm, QUBUS_JOB: 'mine' }).job, 'mine')
})

const BAD: [key: string, value: string, advice: RegExp][] = [
  ['QUBUS_URL', 'localhost:4222', /nats:\/\//],
  ['QUBUS_URL', 'nats://me:secret@host', /QUBUS_CREDS/],
  ['QUBUS_HOME', '~/qubus', /shell/],
  ['QUBUS_DATABASE_URL', 'mysql://me:secret@host/db', /postgres:\/\//],
  ['QUBUS_POOL', 'a.b', /letters/],
  ['QUBUS_JOB_ENDS_AT', 'tomorrow', /Unix seconds/],
  ['QUBUS_LOG_LEVEL', 'loud', /debug/],
]

for (const [key, value, advice] of BAD) {
  test(`${key}=${value} is refused with the key and what to write, and no secret`, () => {
    assert.throws(
      () => readEnvironment({ HOME: '/h', [key]: value }),
      (error: unknown) => {
        assert.ok(error instanceof QubusError)
        assert.equal(error.code, 'BAD_ENVIRONMENT')
        assert.ok(error.message.includes(key))
        assert.match(error.message, advice)
        assert.ok(!error.message.includes('secret'))
        return true
      },
    )
  })
}

test('a home without a system is told from one that is broken', async () => {
  await using home = await tempHome()
  const environment = readEnvironment({ HOME: home.path, QUBUS_HOME: home.path })
  await assert.rejects(connectionFor('client', environment), { code: 'NOT_RUNNING' })
  assert.throws(() => databaseUrlFrom(environment), { code: 'NOT_RUNNING' })
  writeFileSync(environment.paths.connection, 'not json')
  await assert.rejects(connectionFor('client', environment), {
    code: 'BAD_ENVIRONMENT',
    message: /is not JSON/,
  })
})

test('QUBUS_URL asks for QUBUS_CREDS, a file or a folder with one file a user', async () => {
  await using home = await tempHome()
  const variables = { HOME: home.path, QUBUS_URL: 'nats://far:4222' }
  await assert.rejects(connectionFor('worker', readEnvironment(variables)), {
    code: 'BAD_ENVIRONMENT',
    message: /QUBUS_CREDS/,
  })
  const folder = join(home.path, 'creds')
  mkdirSync(folder)
  const file = join(folder, 'worker.json')
  writeFileSync(file, JSON.stringify({ user: 'worker', password: 'p' }), { mode: 0o600 })
  for (const QUBUS_CREDS of [file, folder]) {
    assert.deepEqual(await connectionFor('worker', readEnvironment({ ...variables, QUBUS_CREDS })), {
      url: 'nats://far:4222',
      user: 'worker',
      password: 'p',
      inboxPrefix: '_INBOX_worker',
    })
  }
  chmodSync(file, 0o640)
  await assert.rejects(
    connectionFor('worker', readEnvironment({ ...variables, QUBUS_CREDS: file })),
    /chmod 600/,
  )
})
