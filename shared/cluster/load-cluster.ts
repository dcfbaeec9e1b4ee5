/** Reads a cluster file and checks all of it: every problem with its path, its line, what was found and what to write. */
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { LineCounter, parseDocument } from 'yaml'
import { suggestion } from '../circuit/closest-name.ts'
import { QubusError } from '../contract/errors.ts'
import { type Cluster, type Pool, type PoolStarts, REQUIRED_POOLS } from './cluster.ts'
import { type ClusterProblem, Findings, isMapping, shown, withoutNulls } from './findings.ts'
import { type Path, Place } from './place.ts'
import { PoolForm, poolProblems, toPool } from './pool-form.ts'
import { isForSlurm, isSlurmForm } from './read-slurm-form.ts'
import { CONFIGURATION } from './slurm-form.ts'
import { readSlurmPool, startsByName } from './slurm-pool.ts'
import { checkWhole } from './whole-cluster.ts'

export type CheckedCluster = {
  cluster: Cluster | undefined
  /** Those that could be read, also when the file as a whole is no good. */
  pools: ReadonlyMap<string, Pool>
  problems: ClusterProblem[]
  /** What a good file has that is not used, or may not be meant. */
  warnings: ClusterProblem[]
  /** Where a key of a pool's configuration stands, or would. */
  at(pool: string, keys: Path): { path: string; line: number }
}

/** What `qubus up` uses without a cluster file. */
export const DEFAULT_CLUSTER_FILE = fileURLToPath(new URL('../../clusters/local.yaml', import.meta.url))

/** The pool of a configuration without a name. */
const UNNAMED = 'workers'
const REQUIRED: ReadonlySet<string> = new Set(REQUIRED_POOLS)
const TASK_POOLS = REQUIRED_POOLS.filter((name) => startsByName(name).kind === 'worker')

/** @throws QubusError `INVALID_OPTION` whose message has a line for each problem; `facts.problems` has them too. */
export function loadCluster(file: string = DEFAULT_CLUSTER_FILE): Cluster {
  const { cluster, problems } = checkCluster(file, readClusterFile(file))
  if (cluster !== undefined) return cluster
  const lines = problems.map((problem) => problemLine(file, problem))
  throw new QubusError('INVALID_OPTION', lines.join('\n'), { facts: { file, problems } })
}

/** As people read it. */
export function problemLine(file: string, { path, line, message }: ClusterProblem): string {
  return `${file}:${line}: ${path === '' ? '' : `${path}: `}${message}`
}

/** @param cores what `auto` stands for. */
export function checkCluster(
  file: string,
  text: string,
  cores: number = availableParallelism(),
): CheckedCluster {
  const counter = new LineCounter()
  // With `<<`, which users of Python's YAML know.
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false, merge: true })
  const findings = new Findings(new Place(document, counter))
  const pools = new Map<string, Pool>()
  const checked = (at: CheckedCluster['at'] = (pool) => findings.at([pool])): CheckedCluster => {
    const { problems, warnings } = findings
    return { cluster: problems.length > 0 ? undefined : { file, pools }, pools, problems, warnings, at }
  }
  if (document.errors.length > 0) {
    for (const { pos, message } of document.errors)
      findings.problems.push({
        path: '',
        line: counter.linePos(pos[0]).line,
        message: `this is not YAML: ${message}`,
      })
    return checked()
  }
  const content: unknown = document.toJS()
  if (!isMapping(content)) {
    findings.problem([], `found ${shown(content)}: write pools by name, such as "cpu: { starts: worker }"`)
    return checked()
  }
  const configurations = configurationsOf(content)
  const unread = new Set<unknown>()
  const foreign = configurations.some(({ value }) => isSlurmForm(value))
  for (const configuration of configurations) {
    const before = findings.problems.length
    const pool = readPool(configuration, cores, foreign, findings)
    if (pool !== undefined) pools.set(pool.name, pool)
    else if (findings.problems.length > before) for (const name of namesIn(configuration)) unread.add(name)
  }
  const unnamed = configurations.find(({ path }) => path.length === 0)?.name
  checkWhole({ pools, unread, unnamed }, findings)
  return checked((pool, keys) => findings.at(pool === unnamed ? keys : [pool, ...keys]))
}

type Configuration = { name: string; path: Path; value: unknown; starts: PoolStarts }

// A file may be one configuration, with or without others below it.
function configurationsOf(content: Record<string, unknown>): Configuration[] {
  const named = (names: string[]): Configuration[] =>
    names.map((name) => ({ name, path: [name], value: content[name], starts: startsByName(name) }))
  if (!isSlurmForm(content)) return named(Object.keys(content))
  const others = Object.keys(content).filter(
    (key) => isMapping(content[key]) && !['cluster_kwargs', 'adapt_kwargs', 'qubus'].includes(key),
  )
  const serves = TASK_POOLS.filter((name) => !others.includes(name))
  return [{ name: UNNAMED, path: [], value: content, starts: { kind: 'worker', serves } }, ...named(others)]
}

function readPool(
  { name, path, value, starts }: Configuration,
  cores: number,
  foreign: boolean,
  findings: Findings,
): Pool | undefined {
  const slurm = isSlurmForm(value)
  if (foreign && !slurm && !(isMapping(value) && 'starts' in value)) {
    const why = 'this is no configuration, it has neither cluster_class nor starts: left out'
    findings.warn(path, `${why}${suggestion(name, CONFIGURATION.keys)}`)
    return undefined
  }
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(name)) {
    const why = `a pool's name has letters, digits, "_" and "-", at most 64 of them`
    if (slurm) findings.warn(path, `${why}: left out`)
    else findings.problem(path, why)
    return undefined
  }
  if (!slurm) return readOwnPool(name, value, cores, findings)
  if (isForSlurm(value)) return readSlurmPool(name, path, value, starts, findings)
  const found = `found ${shown(value['cluster_class'])}, which is not for Slurm`
  const at = [...path, 'cluster_class']
  // What nobody counts on may be for another program.
  if (path.length > 0 && !REQUIRED.has(name)) findings.warn(at, `${found}: left out`)
  else findings.problem(at, `${found}: write dask_jobqueue.SLURMCluster, or our own form with starts`)
  return undefined
}

function readOwnPool(name: string, value: unknown, cores: number, findings: Findings): Pool | undefined {
  const parsed = PoolForm.safeParse(isMapping(value) ? withoutNulls(value) : value)
  if (!parsed.success) {
    const known = Object.keys(PoolForm.shape)
    findings.issues(parsed.error, value, [name], known, 'write keys such as starts, cores and maximum_jobs')
    return undefined
  }
  const conflicts = poolProblems(parsed.data)
  for (const { key, message } of conflicts) findings.problem([name, key], message)
  return conflicts.length > 0 ? undefined : toPool(name, parsed.data, cores)
}

// What a pool that can't be read was to serve is not missing.
function namesIn({ name, value, starts }: Configuration): unknown[] {
  const part = isSlurmForm(value) ? value['qubus'] : value
  const serves = isMapping(part) ? part['serves'] : undefined
  return [name, ...(starts.kind === 'worker' ? starts.serves : []), ...(Array.isArray(serves) ? serves : [])]
}

/** @throws QubusError `INVALID_OPTION` naming the file. */
export function readClusterFile(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const message = `the cluster file ${file} can't be read: ${(cause as Error).message}`
    throw new QubusError('INVALID_OPTION', message, { cause })
  }
}
