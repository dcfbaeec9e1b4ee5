/** The examples of the README, on a whole system, through the command line; and what that system shows to others. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { homePaths } from '#shared/config/home.ts'
import { commandLineOf, isAlive, listeningAddresses } from '../support/process-facts.ts'
import { type TestSystem, withSystem } from '../support/with-system.ts'

const FLOWS = fileURLToPath(new URL('../../scripts/flows/', import.meta.url))

describe('a system as `qubus up` starts it', () => {
  let system: TestSystem
  before(async () => {
    system = await withSystem()
  })
  after(() => system[Symbol.asyncDispose]())

  test('runs the tutorial, in its small and in its large form', async () => {
    const small = await run('tutorial.ts#simple', '-p', 'name=Ada')
    assert.equal(small.result, 'Hello, Ada!')
    const large = await run('tutorial.ts', '-p', 'n=10')
    assert.deepEqual(large.result, { n: 10, sums: [285, 285, 285], equal: true })
  })

  test('runs the hybrid flow: circuits on two vQPUs give what they must', async () => {
    const { state, result } = (await run('hybrid.ts', '-p', 'shots=1000')) as {
      state: string
      result: Hybrid
    }
    assert.equal(state, 'completed')
    const byName = new Map(result.circuits.map((circuit) => [circuit.name, circuit]))
    assert.equal(byName.get('adder')?.top, '1011')
    assert.equal(byName.get('phase')?.share, 1)
    assert.deepEqual(Object.keys(byName.get('ghz')?.counts ?? {}).sort(), ['00000', '11111'])
    assert.ok((byName.get('grover')?.share ?? 0) > 0.85)
    assert.equal(new Set(result.circuits.map(({ device }) => device)).size, 2)
    // Five standard deviations of a share measured with 1,000 shots.
    for (const { measured, expected } of result.rotations) assert.ok(Math.abs(measured - expected) < 0.08)
    const artifacts = await system.client.query('artifacts', { run: (await lastRun()).run })
    assert.deepEqual(artifacts.artifacts.map(({ key }) => key).sort(), ['circuits', 'histogram ghz'])
  })

  test('runs the graph, which has no code', async () => {
    const { state, result } = (await run('graph.yaml', '-p', 'angle=3.141592653589793')) as {
      state: string
      result: { bell: Record<string, number>; report: string }
    }
    assert.equal(state, 'completed')
    assert.deepEqual(Object.keys(result.bell).sort(), ['00', '11'])
    assert.equal(result.report, '{"1":1000} of 1000 shots')
  })

  test('ends the vQPUs of a run with the run', async () => {
    const { run: hybrid } = await lastRun()
    assert.deepEqual(
      (await system.client.devices()).filter((device) => device.run === hybrid && device.state !== 'ended'),
      [],
    )
  })

  test('listens on loopback only, and shows no credential in a command line, a log or a file that others can read', async () => {
    const { actors } = await system.client.status()
    const alive = actors.map(({ pid }) => pid).filter(isAlive)
    const pids = [await system.pidOf('broker'), await system.pidOf('postgres'), ...alive]
    assert.ok(pids.length >= 7)
    const secrets = secretsOf(system.home)
    assert.ok(secrets.length >= 9)
    for (const pid of pids) {
      for (const address of listeningAddresses(pid)) assert.match(address, /^(127\.|::1|0100007F|\/)/i)
      const line = commandLineOf(pid)
      for (const secret of secrets)
        assert.ok(!line.includes(secret), `the command line of ${pid} holds a password`)
    }
    let looked = 0
    for (const file of filesUnder(system.home)) {
      const content = readFileSync(file, 'latin1')
      if (!secrets.some((secret) => content.includes(secret))) continue
      looked++
      assert.equal(statSync(file).mode & 0o077, 0, `${file} holds a password and can be read by others`)
      assert.ok(!file.startsWith(homePaths(system.home).logs), `${file} holds a password`)
    }
    assert.ok(looked >= 9)
  })

  type Hybrid = {
    circuits: { name: string; device: string; counts: Record<string, number>; top: string; share: number }[]
    rotations: { measured: number; expected: number }[]
  }

  async function run(target: string, ...flags: string[]): Promise<{ state: string; result: unknown }> {
    const { exitCode, stdout, stderr } = await system.qubus('run', `${FLOWS}${target}`, ...flags, '--json')
    assert.equal(exitCode, 0, stderr)
    return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')
  }

  async function lastRun(): Promise<{ run: string }> {
    const { runs } = await system.client.query('runs', { flow: 'hybrid', limit: 1 })
    return runs[0] as { run: string }
  }
})

function secretsOf(home: string): string[] {
  const folder = homePaths(home).credentials
  return readdirSync(folder).flatMap((name) => {
    const { password, url } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as {
      password?: string
      url?: string
    }
    const secret = password ?? (url === undefined ? undefined : new URL(url).password)
    return secret === undefined || secret === '' ? [] : [secret]
  })
}

/** Regular files that may hold text of ours: not the servers' stores. */
function filesUnder(home: string): string[] {
  const { brokerStore, postgresData } = homePaths(home)
  return readdirSync(home, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !file.startsWith(brokerStore) && !file.startsWith(postgresData))
}
