import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { processesWith } from '#shared/process/find.ts'
import { identify } from '#shared/process/identity.ts'
import { readRegistry } from '../../shared/bus/registry.ts'
import { StepOutcome } from '../../shared/contract/step-record.ts'
import { record, subject } from '../../shared/contract/subjects.ts'
import { decode, unpack } from '../../shared/wire/message.ts'
import { decodeValue } from '../../shared/wire/value.ts'
import { until } from '../support/until.ts'
import { openSystem, type System } from './system.ts'

const MAIN = fileURLToPath(new URL('../../services/allocator/main.ts', import.meta.url))

/** The allocator as `up` starts it, in a home as `up` makes it. */
function startMain(system: System) {
  return spawn(process.execPath, [MAIN], {
    stdio: 'ignore',
    env: { PATH: process.env.PATH, HOME: process.env.HOME, QUBUS_HOME: system.home },
  })
}

test('with the default cluster file, the real worker and the real vQPU host start, are known by their jobs, are replaced, and end', async () => {
  await using system = await openSystem()
  const main = startMain(system)
  const allocator = await until('the allocator', async () =>
    [...(await readRegistry(system.bus.nc)).actors.values()].find(
      ({ name, state }) => name === 'allocator' && state === 'ready',
    ),
  )
  const worker = await until('a worker', async () =>
    [...(await readRegistry(system.bus.nc)).actors.values()].find(
      ({ name, state }) => name === 'worker' && state === 'ready',
    ),
  )
  assert.deepEqual(worker.pools, ['generic', 'cpu', 'gpu'])
  assert.equal(processesWith('QUBUS_JOB', worker.job ?? '').length >= 1, true)

  const device = await system.launch('run1', { engine: 'embedded' })
  const data = await until('the outcome', () => system.read(record('run1').outcome(1)))
  const { result } = decode(StepOutcome, data)
  assert.ok(result && 'inline' in result)
  const first = decodeValue(result.inline) as {
    id: string
    pid: number
    engine: string
    maxQubits: number
    methods: string[]
  }
  assert.deepEqual([first.id, first.engine], [device, 'embedded'])
  assert.ok(first.maxQubits > 0 && first.methods.length > 0)

  process.kill(first.pid, 'SIGKILL')
  const second = await until('its replacement', async () => {
    const entry = (await readRegistry(system.bus.nc)).vqpus.get(device)
    return entry?.state === 'ready' && entry.pid !== first.pid && entry
  })
  await system.write(record('run1').completed, {})
  await until('the end of the vQPU', () => identify(second.pid) === undefined)
  const reply = await system.bus.nc.request(subject.command(allocator.id, 'shutdown'), '', {
    timeout: 40_000,
  })
  assert.deepEqual(unpack(reply.data), { ok: true })
  assert.equal(identify(worker.pid), undefined)
  const ended = new Promise((resolve) => main.once('exit', resolve))
  main.kill('SIGTERM')
  assert.equal(await ended, 0)
  assert.deepEqual(processesWith('QUBUS_HOME', system.home), [])
})
