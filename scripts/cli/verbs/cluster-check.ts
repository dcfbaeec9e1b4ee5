/** `qubus cluster check`: reads a cluster file, says what its pools are and what is wrong, also with the Slurm at hand. */
import type { Pool } from '#shared/cluster/cluster.ts'
import type { ClusterProblem } from '#shared/cluster/findings.ts'
import {
  type CheckedCluster,
  checkCluster,
  problemLine,
  readClusterFile,
} from '#shared/cluster/load-cluster.ts'
import { formatSlurmTime } from '#shared/cluster/slurm-time.ts'
import { compareWithSlurm } from '../cluster/against-slurm.ts'
import { askSlurm } from '../cluster/ask-slurm.ts'
import { EXIT } from '../exit-code.ts'
import { emit, print, say } from '../output.ts'
import { formatBytes } from '../terminal/bytes.ts'
import { renderTable } from '../terminal/table.ts'

export async function clusterCheck(file: string, options: { json?: boolean }): Promise<number> {
  const checked = checkCluster(file, readClusterFile(file))
  const slurm = await askFor(checked)
  const problems = [...checked.problems, ...slurm.problems]
  const warnings = [...checked.warnings, ...slurm.warnings]
  const ok = problems.length === 0
  const pools = [...checked.pools.values()]
  if (options.json) {
    const byName = Object.fromEntries(pools.map(({ name, ...pool }) => [name, pool]))
    emit({ file, ok, pools: byName, problems, warnings })
  } else {
    if (pools.length > 0) print(table(pools))
    for (const { path, line, message } of warnings)
      say(problemLine(file, { path, line, message: `warning: ${message}` }))
    for (const problem of problems) say(problemLine(file, problem))
    if (ok) say(`${file} can be used${slurm.compared ? ', and the Slurm here has what it asks for' : ''}`)
  }
  return ok ? EXIT.done : EXIT.usage
}

type Compared = { problems: ClusterProblem[]; warnings: ClusterProblem[]; compared: boolean }

async function askFor({ pools, at }: CheckedCluster): Promise<Compared> {
  const nothing: Compared = { problems: [], warnings: [], compared: false }
  if (![...pools.values()].some(({ scheduler }) => scheduler === 'slurm')) return nothing
  const answer = await askSlurm()
  if (answer === undefined) return nothing
  if ('silent' in answer) {
    const message = `not compared with the Slurm here: ${answer.silent}`
    return { ...nothing, warnings: [{ path: '', line: 1, message }] }
  }
  const found = compareWithSlurm(pools.values(), answer.says)
  const problems = found.map(({ pool, keys, message }) => ({ ...at(pool, keys), message }))
  return { problems, warnings: [], compared: true }
}

function table(pools: Pool[]): string {
  return renderTable({
    head: [
      'POOL',
      'STARTS',
      'FOR',
      'SCHEDULER',
      'PARTITION',
      'JOBS',
      'CORES',
      'SLOTS',
      'MEMORY',
      'GPUS',
      'WALLTIME',
    ],
    rows: pools.map((pool) => [
      pool.name,
      pool.starts.kind,
      purpose(pool),
      pool.scheduler,
      pool.slurm?.partition,
      pool.starts.kind === 'submitter' ? undefined : `${pool.minimumJobs}-${pool.maximumJobs}`,
      pool.cores,
      pool.slots,
      pool.memoryBytes === undefined ? undefined : formatBytes(pool.memoryBytes),
      pool.gpus,
      pool.walltimeSeconds === undefined ? undefined : formatSlurmTime(pool.walltimeSeconds),
    ]),
    right: [6, 7, 8, 9, 10],
  })
}

function purpose({ starts }: Pool): string | undefined {
  if (starts.kind === 'worker') return starts.serves.join(' ')
  return starts.kind === 'vqpu' ? starts.engine : undefined
}
