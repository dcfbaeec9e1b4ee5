import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { execa } from 'execa'
import { builtBroker, findBroker, isAtLeast, versionOf } from '#infra/broker/find-broker.ts'
import { buildBroker, hasGo, pinnedVersion } from '#infra/broker/go-build.ts'
import { readEnvironment } from '#shared/config/environment.ts'
import { brokerBinary } from '../support/broker-binary.ts'
import { tempHome } from '../support/temp-home.ts'

test('versions are compared number by number', () => {
  assert.ok(isAtLeast('2.15.2', '2.15.2'))
  assert.ok(isAtLeast('2.15.10', '2.15.2'))
  assert.ok(isAtLeast('3.0.0', '2.15.2'))
  assert.ok(!isAtLeast('2.14.9', '2.15.2'))
})

test('a nats-server on PATH that is new enough is taken, an older one is passed over with a word', async () => {
  await using home = await tempHome()
  const version = await pinnedVersion()
  const said: string[] = []
  const options = { cache: home.path, say: (line: string) => said.push(line) }
  const fresh = await fakeServer(join(home.path, 'new'), '99.0.0')
  assert.equal(await findBroker({ ...options, searchPath: ['/nowhere', dirname(fresh)] }), fresh)
  const old = await fakeServer(join(home.path, 'old'), '2.14.1')
  const built = builtBroker(home.path, version)
  await mkdir(dirname(built), { recursive: true })
  await writeFile(built, '', { mode: 0o755 })
  assert.equal(await findBroker({ ...options, searchPath: [dirname(old)] }), built)
  assert.match(said.join('\n'), /2\.14\.1.*or newer is needed/)
})

test('the broker that tests use is the pinned version or newer', async () => {
  const version = await versionOf(await brokerBinary())
  assert.ok(version !== undefined && isAtLeast(version, await pinnedVersion()), version)
})

const built = builtBroker(readEnvironment().cache, await pinnedVersion())
const ours = (await brokerBinary()) === built
const why = ours
  ? (await hasGo())
    ? false
    : 'no Go here to read it with'
  : 'the nats-server on PATH is used'

test('the broker built here is made of exactly what go.sum says', { skip: why }, async () => {
  const { stdout } = await execa('go', ['version', '-m', built])
  const sums = await readFile(new URL('../../infra/broker/go.sum', import.meta.url), 'utf8')
  const parts = stdout
    .split('\n')
    .map((line) => line.trim().split('\t'))
    .filter(([kind]) => kind === 'mod' || kind === 'dep')
  assert.ok(parts.length > 5)
  for (const [, module, version, sum] of parts)
    assert.ok(sums.includes(`${module} ${version} ${sum}`), module)
})

const noBuild =
  process.env.QUBUS_TEST_BUILD === '1'
    ? (await hasGo())
      ? false
      : 'no Go here'
    : 'takes a minute; QUBUS_TEST_BUILD=1 runs it'

test('Go builds the broker without a home', { skip: noBuild }, async () => {
  await using home = await tempHome()
  const target = builtBroker(home.path, await pinnedVersion())
  await buildBroker(target, home.path, () => {})
  assert.equal(await versionOf(target), await pinnedVersion())
})

async function fakeServer(folder: string, version: string): Promise<string> {
  await mkdir(folder, { recursive: true })
  const file = join(folder, 'nats-server')
  await writeFile(file, `#!/bin/sh\necho "nats-server: v${version}"\n`, { mode: 0o755 })
  return file
}
