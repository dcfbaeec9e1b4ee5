import assert from 'node:assert/strict'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Client } from 'pg'
import { type Postgres, startPostgres } from '#infra/postgres/start-postgres.ts'
import { databaseUrlFrom } from '#shared/config/credentials.ts'
import { readEnvironment } from '#shared/config/environment.ts'
import { credentialsFile } from '#shared/config/home.ts'
import { commandLineOf, listeningAddresses } from '../support/process-facts.ts'
import { tempHome } from '../support/temp-home.ts'
import { withPostgres } from '../support/with-postgres.ts'

test('a killed PostgreSQL starts again with its data on the same port', async () => {
  await using home = await tempHome()
  await using first = await startPostgres({ home: home.path, sync: false })
  await run(first, "CREATE TABLE kept (name text); INSERT INTO kept VALUES ('still here')")
  first.kill('SIGKILL')
  await first.exited
  await using second = await startPostgres({ home: home.path, sync: false })
  assert.equal(second.port, first.port)
  assert.deepEqual(await run(second, 'SELECT name FROM kept'), [{ name: 'still here' }])
  assert.deepEqual(await run(second, 'SHOW fsync'), [{ fsync: 'on' }])
  assert.deepEqual(await run(second, 'SHOW synchronous_commit'), [{ synchronous_commit: 'on' }])
})

test('a note of a pid that is now another program does not keep PostgreSQL from starting', async () => {
  await using home = await tempHome()
  const first = await startPostgres({ home: home.path, sync: false })
  first.kill('SIGKILL')
  await first.exited
  const note = join(first.data, 'postmaster.pid')
  const lines = readFileSync(note, 'utf8').split('\n')
  writeFileSync(note, [String(process.pid), ...lines.slice(1)].join('\n'))
  await using second = await startPostgres({ home: home.path, sync: false })
  assert.deepEqual(await run(second, 'SELECT 1 AS one'), [{ one: 1 }])
})

test('a PostgreSQL that an earlier supervisor left is adopted, not started twice', async () => {
  await using home = await tempHome()
  await using first = await startPostgres({ home: home.path, sync: false })
  const second = await startPostgres({ home: home.path, sync: false })
  assert.equal(second.adopted, true)
  assert.equal(second.pid, first.pid)
  assert.equal(databaseUrlFrom(readEnvironment({ QUBUS_HOME: home.path, HOME: home.path })), first.url)
})

test("PostgreSQL's password is in one file of mode 0600 and in no command line, and it listens on loopback only", async () => {
  await using home = await tempHome()
  await using postgres = await startPostgres({ home: home.path, sync: false })
  const file = credentialsFile(home.path, 'postgres')
  const { password } = JSON.parse(readFileSync(file, 'utf8'))
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.equal(statSync(postgres.data).mode & 0o777, 0o700)
  assert.ok(!commandLineOf(postgres.pid).includes(password))
  assert.ok(!readFileSync(`/proc/${postgres.pid}/environ`, 'utf8').includes(password))
  assert.deepEqual(listeningAddresses(postgres.pid), [`127.0.0.1:${postgres.port}`])
  const intruder = new Client({ connectionString: postgres.url.replace(password, 'guessed') })
  await assert.rejects(intruder.connect(), /password authentication failed/)
})

test('PostgreSQL does not run as root', {
  skip: process.getuid?.() === 0 ? false : 'we are not root',
}, async () => {
  await using home = await tempHome()
  await using postgres = await startPostgres({ home: home.path, sync: false })
  assert.notEqual(statSync(`/proc/${postgres.pid}`).uid, 0)
})

test('each test gets a database of its own, and a connection left open is told', async () => {
  await using one = await withPostgres()
  const two = await withPostgres()
  assert.notEqual(one.name, two.name)
  const left = new Client({ connectionString: two.url })
  left.on('error', () => {})
  await left.connect()
  await assert.rejects(async () => two[Symbol.asyncDispose](), /left open/)
  await left.end().catch(() => {})
})

async function run({ url }: Postgres, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}
