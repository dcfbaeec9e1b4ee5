/** Runs that real coordinators and workers did, replayed in this process. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { writeBundle } from '#shared/bundle/bundle-cache.ts'
import { describeBundle } from '#shared/bundle/index.ts'
import { findFlow, type LoadedBundle, loadBundle } from '#shared/bundle/loaded-bundle.ts'
import { openBlobs } from '#shared/bus/blobs.ts'
import { readAll } from '#shared/bus/direct.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { record } from '#shared/contract/subjects.ts'
import { readRecordedRun } from '../../../services/coordinator/replay/recorded-run.ts'
import { type Replay, replayRun } from '../../../services/coordinator/replay/replay-run.ts'
import { installPlaces } from '../../../services/coordinator/thread/flow-place.ts'
import { actorsForThisFile } from '../../support/with-actors.ts'

process.setSourceMapsEnabled(true)
installPlaces()

const actors = await actorsForThisFile({ pools: ['generic', 'cpu'], slots: 4 })
const { nc } = actors.bus
const blobs = openBlobs(nc)
const store = { read: (run: string) => readAll(nc, STREAM.runs, record(run).all) }

type FlowFile = Awaited<ReturnType<typeof actors.flows>>

async function load(name: string, { bundle }: FlowFile): Promise<LoadedBundle> {
  const file = join(actors.broker.home, `${name}.mjs`)
  return loadBundle(await writeBundle(file, bundle.bytes, bundle.sourceRoot))
}

async function replay(run: string, code: LoadedBundle, flow: string): Promise<Replay> {
  const recorded = await readRecordedRun({ store, blobs }, run)
  assert.ok(recorded)
  return replayRun(recorded, { find: () => findFlow(code, flow) })
}

it('whatever flows do and however they end, the replay is the same', async () => {
  let ended = 0
  for (const name of ['mixed.ts', 'shapes.ts', 'surface.ts', 'errors.ts', 'kept.ts']) {
    const file = await actors.flows(name)
    const { flows } = await describeBundle(file.bundle)
    const runs = await Promise.all(
      // Some wait for ever: their time-out is an end, too.
      flows.map(async ({ name: flow }) => ({
        flow,
        run: await file.request(flow, { n: 5 }, { timeoutSeconds: 5 }),
      })),
    )
    const states = await Promise.all(runs.map(({ run }) => actors.client.outcome(run)))
    const code = await load(name, file)
    for (const { flow, run } of runs)
      assert.deepEqual([flow, (await replay(run, code, flow)).difference], [flow, undefined])
    ended += states.filter(({ error }) => error?.code !== 'RUN_TIMEOUT').length
  }
  assert.ok(ended > 20, `${ended} ended by themselves`)
})

it('what is another one in another process is named, with its line', async () => {
  const source = readFileSync(new URL('../../fixtures/flows/changing.ts', import.meta.url), 'utf8').split(
    '\n',
  )
  const file = await actors.flows('changing.ts')
  const code = await load('changing', file)
  for (const flow of [
    'changed arguments',
    'the process',
    'a clock that is not covered',
    'memory',
    'what was kept when the file was loaded',
  ]) {
    const run = await file.request(flow, { warm: true })
    assert.equal((await actors.client.outcome(run)).state, 'completed')
    const { difference } = await replay(run, code, flow)
    const from = source.findIndex((line) => line.includes(`waits('${flow}'`))
    const line = source.findIndex((each, i) => i > from && each.endsWith('// here')) + 1
    assert.match(
      difference?.message ?? flow,
      /^step 1: the flow asks for task "one" with .*, but was given the outcome of "one" with other arguments/,
    )
    assert.match(difference?.at ?? '', new RegExp(`/changing\\.ts:${line}:\\d+$`))
  }
})
