/** What a cluster file asks of Slurm, against what Slurm says that it has: a pure comparison. */
import type { Pool } from '#shared/cluster/cluster.ts'
import { askedGres, directive, type Gres } from '#shared/cluster/directives.ts'
import { formatSlurmTime, parseSlurmTime } from '#shared/cluster/slurm-time.ts'
import type { Partition, SlurmSays } from './slurm-says.ts'

/** `keys`: of the pool's configuration, where it should be put right. */
export type Mismatch = { pool: string; keys: string[]; message: string }

export function compareWithSlurm(pools: Iterable<Pool>, says: SlurmSays): Mismatch[] {
  return [...pools].filter(({ scheduler }) => scheduler === 'slurm').flatMap((pool) => mismatches(pool, says))
}

function mismatches(pool: Pool, { partitions, accounts }: SlurmSays): Mismatch[] {
  const found: Mismatch[] = []
  const report: Report = (key, message) =>
    found.push({ pool: pool.name, keys: key === '' ? [KWARGS] : [KWARGS, key], message })
  checkAccount(pool, accounts, report)
  const named = directive(directivesOf(pool), 'partition') ?? pool.slurm?.partition
  // Of several in a list Slurm takes the one that is free first: every one must do.
  for (const name of named === undefined ? [undefined] : named.split(',')) {
    const rows = partitions.filter((each) => (name === undefined ? each.isDefault : each.name === name))
    const [first] = rows
    if (first === undefined) reportPartition(name, partitions, report)
    else {
      checkWalltime(pool, first, report)
      checkNodes(pool, rows, partitions, report)
    }
  }
  return found
}

const KWARGS = 'cluster_kwargs'

type Report = (key: string, message: string) => void

function checkAccount(pool: Pool, accounts: readonly string[] | undefined, report: Report): void {
  const account = directive(directivesOf(pool), 'account') ?? pool.slurm?.account
  // Who has no account at all may be one who needs none.
  if (account === undefined || accounts === undefined || accounts.length === 0) return
  if (accounts.some((each) => each.toLowerCase() === account.toLowerCase())) return
  report('account', `found ${account}: you have no account of that name; write ${oneOf(accounts)}`)
}

function reportPartition(name: string | undefined, partitions: readonly Partition[], report: Report): void {
  const names = [...new Set(partitions.map((each) => each.name))]
  if (name === undefined)
    report('queue', `found nothing, and no partition is the default: write ${oneOf(names)}`)
  else report('queue', `found ${name}: there is no partition of that name for you; write ${oneOf(names)}`)
}

function checkWalltime({ walltimeSeconds }: Pool, { name, limit }: Partition, report: Report): void {
  const most = parseSlurmTime(limit)
  if (walltimeSeconds === undefined || most === undefined || walltimeSeconds <= most) return
  const [found, bound] = [formatSlurmTime(walltimeSeconds), formatSlurmTime(most)]
  report('walltime', `found ${found}, more than partition ${name} allows: write at most "${bound}"`)
}

function checkNodes(pool: Pool, rows: Partition[], all: readonly Partition[], report: Report): void {
  const { name = '' } = rows[0] ?? {}
  const nodes = rows.filter(({ cores }) => cores > 0)
  if (nodes.length === 0) return report('queue', `found ${name}: that partition has no nodes`)
  const asked = askedOf(pool)
  const gres = askedGres(directivesOf(pool))
  const most = Math.max(...nodes.map(({ cores }) => cores))
  const mostMemory = Math.max(...nodes.map(({ memoryMb }) => memoryMb))
  let told = false
  const tell: Report = (key, message) => {
    told = true
    report(key, message)
  }
  if (asked.cores > most)
    tell(
      asked.coresKey,
      `found ${asked.cores}, more than a node of partition ${name} has: write at most ${most}`,
    )
  if (asked.memoryMb > mostMemory)
    tell(
      asked.memoryKey,
      `found ${asked.memoryMb} MiB, more than a node of partition ${name} has: write at most "${mostMemory}MiB"`,
    )
  for (const each of gres) {
    const has = Math.max(...nodes.map((node) => countOf(node, each)))
    if (has < each.count) tell('job_extra_directives', gresMessage(each, has, name, all))
  }
  if (told) return
  const fits = nodes.some(
    (node) =>
      asked.cores <= node.cores &&
      asked.memoryMb <= node.memoryMb &&
      gres.every((each) => countOf(node, each) >= each.count),
  )
  if (!fits)
    report('', `no node of partition ${name} has the cores, the memory and the gres together: ask for less`)
}

function gresMessage(asked: Gres, has: number, partition: string, all: readonly Partition[]): string {
  const text = [asked.name, asked.type, asked.count].filter((part) => part !== undefined).join(':')
  const elsewhere = all.filter((each) => countOf(each, asked) >= asked.count).map(({ name }) => name)
  const instead = elsewhere.length > 0 ? `; partitions that do: ${[...new Set(elsewhere)].join(', ')}` : ''
  return has > 0
    ? `found ${text}, more than a node of partition ${partition} has: write at most ${has}${instead}`
    : `found ${text}: no node of partition ${partition} has that${instead}`
}

function countOf({ gres }: Partition, { name, type }: Gres): number {
  return gres
    .filter((each) => each.name === name && (type === undefined || each.type === type))
    .reduce((sum, { count }) => sum + count, 0)
}

function askedOf({ cores, memoryBytes = 0, slurm }: Pool) {
  // What the file keeps out of the script is not asked for.
  const skipped = slurm?.skippedDirectives.some((text) => '#SBATCH --mem='.includes(text)) ?? false
  const memoryMb =
    slurm?.jobMemory === undefined ? Math.ceil(memoryBytes / 1024 ** 2) : mebibytes(slurm.jobMemory)
  return {
    cores: slurm?.jobCpu ?? cores,
    coresKey: slurm?.jobCpu === undefined ? 'cores' : 'job_cpu',
    memoryMb: skipped ? 0 : memoryMb,
    memoryKey: slurm?.jobMemory === undefined ? 'memory' : 'job_mem',
  }
}

// Without a unit it is mebibytes; 0 is all that the node has.
function mebibytes(text: string): number {
  const power = ['K', '', 'G', 'T'].indexOf(text.replace(/^\d+/, '').replace('M', '')) - 1
  return Math.ceil(Number.parseInt(text, 10) * 1024 ** power)
}

function directivesOf({ slurm }: Pool): readonly string[] {
  return slurm?.directives ?? []
}

function oneOf(names: readonly string[]): string {
  return names.length === 1 ? String(names[0]) : `one of ${names.join(', ')}`
}
