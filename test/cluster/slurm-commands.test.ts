import assert from 'node:assert/strict'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Cluster, Pool } from '../../shared/cluster/cluster.ts'
import { loadCluster } from '../../shared/cluster/load-cluster.ts'
import { needSlurmCommands } from '../../shared/cluster/slurm-commands.ts'
import { tempHome } from '../support/temp-home.ts'

test("pools on Slurm need Slurm's commands, those that are missing are named; others need none", async () => {
  await using home = await tempHome()
  const local = loadCluster()
  needSlurmCommands(local, [])
  const workers = local.pools.get('workers') ?? assert.fail()
  const circuit = local.pools.get('circuit') ?? assert.fail()
  const cluster = (pool: Pool): Cluster => ({ file: 'site.yaml', pools: new Map([[pool.name, pool]]) })
  const onSlurm = cluster({ ...workers, scheduler: 'slurm' })
  needSlurmCommands(cluster({ ...circuit, scheduler: 'slurm' }), [])
  await writeFile(join(home.path, 'squeue'), '#!/bin/sh\n')
  await chmod(join(home.path, 'squeue'), 0o755)
  assert.throws(() => needSlurmCommands(onSlurm, ['/nowhere', home.path]), {
    code: 'INVALID_OPTION',
    message:
      /^site\.yaml: jobs of workers are Slurm's, and sbatch, scancel can't be found on the PATH: start on/,
  })
  for (const name of ['sbatch', 'scancel']) {
    await writeFile(join(home.path, name), '#!/bin/sh\n')
    await chmod(join(home.path, name), 0o755)
  }
  needSlurmCommands(onSlurm, ['/nowhere', home.path])
})
