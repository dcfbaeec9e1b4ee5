/** What of a lab can be lost, and what Slurm makes of it. */
import assert from 'node:assert/strict'
import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { nodeProcesses } from '#infra/slurm-lab/lab-processes.ts'
import { isAlive } from '../support/process-facts.ts'
import { slurmUser } from '../support/slurm-user.ts'
import { until } from '../support/until.ts'
import { withSlurm } from '../support/with-slurm.ts'
import { openFolder, STAYING_TWICE, startOf } from './job-start.ts'

test('a node that loses power takes its processes with it: one job fails, the other runs again elsewhere', async (t) => {
  await using slurm = await withSlurm()
  if ('missing' in slurm) return t.skip(slurm.missing)
  await using outputs = await openFolder()
  const root = slurmUser(slurm)
  const options = [`--output=${outputs.path}/%j`]
  const moving = await root.submit(STAYING_TWICE, '--requeue', ...options)
  const first = await until('the first job runs', async () => await startOf(outputs, moving))
  const failing = await root.submit(STAYING_TWICE, '--no-requeue', `--nodelist=${first.node}`, ...options)
  const second = await until('the second job runs', async () => await startOf(outputs, failing))
  assert.equal(second.node, first.node)
  const pids = [...first.pids, ...second.pids]
  assert.ok(pids.length === 4 && pids.every(isAlive))

  const node = slurm.nodes.find((name) => name === first.node)!
  await slurm.killNode(node)
  assert.deepEqual(pids.filter(isAlive), [])
  assert.deepEqual(nodeProcesses(slurm.folder, node), [])
  await until('it failed', async () => (await root.fieldOf(failing, 'JobState')) === 'NODE_FAIL')
  const other = first.node === 'cpu1' ? 'cpu2' : 'cpu1'
  await until('it runs again', async () => (await startOf(outputs, moving))?.node === other)
  assert.equal(await root.fieldOf(moving, 'Restarts'), '1')
  assert.match(await root.run('sinfo', '--noheader', `--nodes=${node}`, '--format=%t'), /^down\*?$/)

  await slurm.startNode(node)
  const back = await root.submit(STAYING_TWICE, `--nodelist=${node}`, ...options)
  await until('it takes jobs again', async () => await startOf(outputs, back))
})

test('a controller that is killed knows its jobs when it is back', async (t) => {
  await using slurm = await withSlurm()
  if ('missing' in slurm) return t.skip(slurm.missing)
  await using outputs = await openFolder()
  const root = slurmUser(slurm)
  const go = join(outputs.path, 'go')
  const script = `#!/bin/sh\necho "$SLURMD_NODENAME $$"\nuntil test -e ${go}; do sleep 0.1; done\n`
  const running = await root.submit(script, `--output=${outputs.path}/%j`)
  const waiting = await root.submit(script, '--begin=now+1hour', '--output=/dev/null')
  const { pids } = await until('it runs', async () => await startOf(outputs, running))
  const started = Date.now()
  // It writes down now and then what it knows; what came after that is forgotten.
  const written = join(slurm.folder.state, 'job_state')
  await until('its state is written', async () => {
    const found = await stat(written).catch(() => undefined)
    return found !== undefined && found.mtimeMs > started
  })

  await slurm.killController()
  await assert.rejects(root.run('squeue'), /./)
  await slurm.startController()
  assert.equal(await root.fieldOf(running, 'JobState'), 'RUNNING')
  assert.equal(await root.fieldOf(waiting, 'JobState'), 'PENDING')
  assert.ok(pids.every(isAlive))
  await writeFile(go, '')
  await until('it ends', async () => (await root.fieldOf(running, 'JobState')) === 'COMPLETED')
})
