import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { test } from 'node:test'
import { brokerConfig } from '#infra/broker/broker-config.ts'
import { startBroker } from '#infra/broker/start-broker.ts'
import { readLast } from '#shared/bus/direct.ts'
import { connectionFor } from '#shared/config/credentials.ts'
import { homePaths } from '#shared/config/home.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { record } from '#shared/contract/subjects.ts'
import { brokerBinary } from '../support/broker-binary.ts'
import { commandLineOf, listeningAddresses } from '../support/process-facts.ts'
import { tempHome } from '../support/temp-home.ts'
import { withBroker } from '../support/with-broker.ts'

test('a killed broker starts again on the same port with what it had acknowledged', async () => {
  await using broker = await withBroker()
  const { nc } = await broker.connect('coordinator')
  await nc.request(record('r1').requested, 'kept')
  const { url, pid } = broker
  await broker.kill('SIGKILL')
  await broker.restart()
  assert.equal(broker.url, url)
  assert.notEqual(broker.pid, pid)
  const { nc: again } = await broker.connect('coordinator')
  const found = await readLast(again, STREAM.runs, record('r1').requested)
  assert.equal(Buffer.from(found?.data ?? []).toString(), 'kept')
})

test('a broker that an earlier supervisor left is adopted, not started twice', async () => {
  await using broker = await withBroker({ provision: false })
  const second = await startBroker({ home: broker.home, binary: await brokerBinary() })
  assert.equal(second.adopted, true)
  assert.equal(second.pid, broker.pid)
})

test('a broker whose port somebody took chooses another', async () => {
  await using home = await tempHome()
  const binary = await brokerBinary()
  const first = await startBroker({ home: home.path, binary })
  await first.stop()
  await using thief = await occupy(first.port)
  await using second = await startBroker({ home: home.path, binary })
  assert.notEqual(second.port, thief.port)
})

test('passwords are in files of mode 0600 and in no command line, and the broker listens on loopback only', async () => {
  await using broker = await withBroker({ provision: false })
  const paths = homePaths(broker.home)
  const files = readdirSync(paths.credentials)
  assert.ok(files.includes('worker.json') && files.length >= 9)
  for (const file of [...files.map((name) => `${paths.credentials}/${name}`), paths.brokerConfig]) {
    assert.equal(statSync(file).mode & 0o777, 0o600, file)
  }
  assert.equal(statSync(paths.credentials).mode & 0o777, 0o700)
  const passwords = files.map(
    (name) => JSON.parse(readFileSync(`${paths.credentials}/${name}`, 'utf8')).password,
  )
  assert.equal(new Set(passwords).size, files.length)
  assert.ok(passwords.every((password) => Buffer.from(password, 'base64url').length === 32))
  const seen =
    commandLineOf(broker.pid) +
    readFileSync(`/proc/${broker.pid}/environ`, 'utf8') +
    readFileSync(paths.connection, 'utf8')
  assert.ok(passwords.every((password) => !seen.includes(password)))
  assert.deepEqual(listeningAddresses(broker.pid), [new URL(broker.url).host])
})

test('a credentials file that others can read is refused with the command that repairs it', async () => {
  const { chmodSync } = await import('node:fs')
  await using broker = await withBroker({ provision: false })
  const file = `${homePaths(broker.home).credentials}/worker.json`
  chmodSync(file, 0o644)
  await assert.rejects(connectionFor('worker', broker.environment), (error: unknown) => {
    assert.ok(error instanceof QubusError && error.code === 'BAD_ENVIRONMENT')
    assert.match(error.message, /chmod 600/)
    return true
  })
})

test('nobody gets in without a password, nor into the system account', async () => {
  await using broker = await withBroker({ provision: false })
  const { connect } = await import('@nats-io/transport-node')
  await assert.rejects(connect({ servers: broker.url, reconnect: false }), /[Aa]uthorization/)
  await assert.rejects(
    connect({ servers: broker.url, reconnect: false, user: 'worker', pass: 'guessed' }),
    /[Aa]uthorization/,
  )
  const { nc } = await broker.connect('admin')
  await assert.rejects(
    nc.request('$SYS.REQ.SERVER.PING.VARZ', '', { timeout: 2_000 }),
    /no responders|timeout/i,
  )
})

test('a broker that cannot start says why', async () => {
  await using home = await tempHome()
  await assert.rejects(startBroker({ home: home.path, binary: '/nonexistent/nats-server' }), /ENOENT/)
})

test('the configuration quotes what it is given', () => {
  const passwords = { admin: 'a"b' } as never
  const text = brokerConfig({
    name: 'n',
    host: '127.0.0.1',
    port: 1,
    storeDir: '/with "quotes"',
    logFile: '/l',
    maxFileBytes: 1,
    passwords,
  })
  assert.match(text, /store_dir: "\/with \\"quotes\\""/)
  assert.match(text, /sync_interval: always/)
})

async function occupy(port: number): Promise<AsyncDisposable & { port: number }> {
  const { createServer } = await import('node:net')
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return { port, [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) }
}
