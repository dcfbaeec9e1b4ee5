/** Real actors whose pools have their jobs on a real Slurm. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { unpack } from '#shared/wire/message.ts'
import { readRegistry } from '../../../shared/bus/registry.ts'
import { subject } from '../../../shared/contract/subjects.ts'
import { atEndOfFile } from '../../support/leaks.ts'
import { slurmUser } from '../../support/slurm-user.ts'
import { tempHome } from '../../support/temp-home.ts'
import { until } from '../../support/until.ts'
import { type Actors, actorsForThisFile } from '../../support/with-actors.ts'
import { slurmForThisFile } from '../../support/with-slurm.ts'

const slurm = await slurmForThisFile()
const skip = 'missing' in slurm ? slurm.missing : false
// The nodes' GPUs are devices without a driver: this says of them what the driver's own tool would.
const tools = await tempHome()
atEndOfFile(() => tools[Symbol.asyncDispose]())
writeFileSync(join(tools.path, 'nvidia-smi'), '#!/bin/sh\necho 0; echo 1\n', { mode: 0o755 })

/** As a user of dask-jobqueue writes it. */
const CLUSTER = `
generic:
  cluster_class: "dask_jobqueue.SLURMCluster"
  cluster_kwargs: { cores: 2, memory: "1GB", processes: 1, queue: copy, walltime: "00:30:00" }
  adapt_kwargs: { minimum_jobs: 0, maximum_jobs: 1 }
cpu:
  cluster_class: "dask_jobqueue.SLURMCluster"
  cluster_kwargs:
    cores: 2
    memory: "1GB"
    processes: 1
    queue: work
    account: null
    walltime: "00:30:00"
    job_script_prologue: ['export GREETING="hello $USER"', '# module load something']
  adapt_kwargs: { minimum_jobs: 0, maximum_jobs: 2, interval: 1, wait_count: 1, target_duration: "30s" }
gpu:
  cluster_class: "dask_jobqueue.SLURMCluster"
  cluster_kwargs: { cores: 2, memory: "1GB", processes: 1, queue: gpu, walltime: "00:30:00", job_extra_directives: ["--gres=gpu:1"], job_script_prologue: ['export PATH="${tools.path}:$PATH"'] }
  adapt_kwargs: { minimum_jobs: 0, maximum_jobs: 1 }
vqpu:
  cluster_class: "dask_jobqueue.SLURMCluster"
  cluster_kwargs: { cores: 1, memory: "1GB", processes: 1, queue: long, walltime: "24:00:00" }
  adapt_kwargs: { minimum_jobs: 0, maximum_jobs: 4 }
circuit:
  cluster_class: "dask_jobqueue.SLURMCluster"
  cluster_kwargs: { cores: 1, memory: "1GB", processes: 1, queue: long, walltime: "24:00:00" }
  adapt_kwargs: { minimum_jobs: 0, maximum_jobs: 1 }
`

type Where = { node: string; job: string; item: number; gpus: string }

describe('pools on Slurm', { skip }, async () => {
  if ('missing' in slurm) return
  const actors: Actors = await actorsForThisFile({ workers: 0, environment: slurm.environment })
  const file = join(actors.broker.home, 'cluster.yaml')
  writeFileSync(file, CLUSTER)
  let allocator = await actors.start('allocator', '--cluster', file)
  await actors.start('submitter')
  const user = slurmUser(slurm)
  const entryOf = async (pid: number | undefined) =>
    [...(await readRegistry(actors.bus.nc)).actors.values()].find((entry) => entry.pid === pid)
  after(async () => {
    const id = (await entryOf(allocator.pid))?.id ?? ''
    const reply = await actors.bus.nc.request(subject.command(id, 'shutdown'), '', { timeout: 60_000 })
    assert.deepEqual(unpack(reply.data), { ok: true })
    assert.equal(await user.run('squeue', '--noheader'), '')
  })

  it('run tasks on the nodes of their partitions', async () => {
    const flows = await actors.flows('on-nodes.ts')
    const { state, result, error } = await flows.run('everywhere')
    assert.equal(state, 'completed', JSON.stringify(error))
    const { cpu, gpu } = result as { cpu: Where[]; gpu: Where }
    assert.deepEqual(
      cpu.map(({ item }) => item),
      [0, 1, 2, 3],
    )
    for (const { node, job } of cpu) {
      assert.match(node, /^cpu[12]$/)
      assert.match(job, /^cpu-[01]-1-[0-9a-f]{8}$/)
    }
    assert.match(gpu.node, /^gpu[12]$/)
    assert.match(gpu.gpus, /^[01]$/)
  })

  it('lose nothing when their jobs are cancelled from outside and the allocator is killed', async () => {
    const flows = await actors.flows('on-nodes.ts')
    const run = await flows.request('everywhere', { n: 12, ms: 1_500 })
    await until('some to be done', async () => (await actors.history(run)).outcomes.length >= 2)
    await actors.kill(allocator)
    const ids = (await user.run('squeue', '--noheader', '--partition=work', '--format=%A')).split('\n')
    await user.run('scancel', ...ids)
    allocator = await actors.start('allocator', '--cluster', file)
    const { state, result, error } = await actors.client.outcome(run)
    assert.equal(state, 'completed', JSON.stringify(error))
    const { cpu } = result as { cpu: Where[] }
    assert.deepEqual(
      cpu.map(({ item }) => item),
      Array.from({ length: 12 }, (_, i) => i),
    )
    const { outcomes } = await actors.history(run)
    assert.equal(new Set(outcomes.map(({ step }) => step)).size, outcomes.length)
    assert.equal(outcomes.length, 13)
  })

  for (const flow of ['tutorial', 'hybrid'] as const)
    it(`run the ${flow}, with its vQPUs as jobs`, async () => {
      const flows = await actors.flows(`../../../scripts/flows/${flow}.ts`)
      const { state, error } = await flows.run(flow)
      assert.equal(state, 'completed', JSON.stringify(error))
    })
})
