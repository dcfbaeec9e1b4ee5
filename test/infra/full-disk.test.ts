import assert from 'node:assert/strict'
import { mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { execa } from 'execa'
import { saysGivenUp } from '#infra/broker/watch-store.ts'
import { keepBroker } from '#infra/supervisor/servers.ts'
import { connectBus } from '#shared/bus/connect.ts'
import { provisionStreams } from '#shared/bus/streams.ts'
import { connectionFor } from '#shared/config/credentials.ts'
import { readEnvironment, variablesWith } from '#shared/config/environment.ts'
import { record } from '#shared/contract/subjects.ts'
import '../support/leaks.ts'
import { tempHome } from '../support/temp-home.ts'
import { until } from '../support/until.ts'

test('the log of a broker that gave up its store is told from that of one that is well', () => {
  assert.ok(
    saysGivenUp(
      "[ERR] JetStream failed to store a msg on stream '$G > RUNS': write 1.blk: no space left on device",
    ),
  )
  assert.ok(saysGivenUp('[ERR] Filestore [RUNS] Critical write error: input/output error'))
  assert.ok(!saysGivenUp('[INF] Server is ready\n[WRN] Consumer is slow'))
})

test('a broker whose disk was full takes writes again soon after there is room, and has what it had acknowledged', async (context) => {
  await using home = await tempHome()
  const environment = readEnvironment(variablesWith({ QUBUS_HOME: home.path }))
  const store = environment.paths.brokerStore
  await mkdir(store, { recursive: true })
  const mounted = await execa('mount', ['-t', 'tmpfs', '-o', 'size=256M,mode=0700', 'tmpfs', store], {
    reject: false,
  })
  if (mounted.exitCode !== 0) return context.skip(`a small file system can't be mounted: ${mounted.stderr}`)
  await using stack = new AsyncDisposableStack()
  stack.defer(async () => void (await execa('umount', ['-l', store])))
  const said: string[] = []
  const broker = await keepBroker(environment, (text) => said.push(text), new AbortController().signal)
  stack.defer(() => broker.keeper.stop())
  const bus = stack.use(await connectBus(await connectionFor('admin', environment), 'test'))
  await provisionStreams(bus.nc)
  const publish = async (run: string): Promise<boolean> => {
    const reply = await bus.nc
      .request(record(run).requested, 'x'.repeat(1000), { timeout: 2_000 })
      .catch(() => undefined)
    return reply !== undefined && JSON.parse(reply.string()).error === undefined
  }
  assert.ok(await publish('before'))

  const ballast = join(store, 'ballast')
  {
    await using file = await open(ballast, 'w')
    await assert.rejects(async () => {
      for (;;) await file.write(Buffer.alloc(1024 * 1024, 1))
    }, /ENOSPC/)
  }
  let refused = 0
  await until('a write to be refused', async () => !(await publish(`full-${refused++}`)))
  await rm(ballast)
  await until('a write to be taken', () => publish('after'))
  assert.deepEqual(said.slice(0, 1), [
    'the broker could not write to its disk; there is room again: it is started anew',
  ])
  const { messages } = JSON.parse((await bus.nc.request('$JS.API.STREAM.INFO.RUNS')).string()).state
  assert.ok(messages >= 2)
})
