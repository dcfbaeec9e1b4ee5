/** Reads a cluster file and checks all of it: every problem with its path, its line, what was found and what to write. */
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import {
  type Document,
  isMap,
  isNode,
  isPair,
  isScalar,
  LineCounter,
  parseDocument,
  type YAMLMap,
} from 'yaml'
import type { z } from 'zod'
import { QubusError } from '../contract/errors.ts'
import { type Cluster, type Pool, REQUIRED_POOLS } from './cluster.ts'
import { PoolForm, poolProblems, toPool } from './pool-form.ts'

export type ClusterProblem = { path: string; line: number; message: string }

export type CheckedCluster = { cluster: Cluster | undefined; problems: ClusterProblem[] }

/** What `qubus up` uses without a cluster file. */
export const DEFAULT_CLUSTER_FILE = fileURLToPath(new URL('../../clusters/local.yaml', import.meta.url))

/** @throws QubusError `INVALID_OPTION` whose message has a line for each problem; `facts.problems` has them too. */
export function loadCluster(file: string = DEFAULT_CLUSTER_FILE): Cluster {
  const { cluster, problems } = checkCluster(file, readText(file))
  if (cluster !== undefined) return cluster
  const lines = problems.map(
    ({ path, line, message }) => `${file}:${line}: ${path === '' ? '' : `${path}: `}${message}`,
  )
  throw new QubusError('INVALID_OPTION', lines.join('\n'), { facts: { file, problems } })
}

/** @param cores what `auto` stands for. */
export function checkCluster(
  file: string,
  text: string,
  cores: number = availableParallelism(),
): CheckedCluster {
  const counter = new LineCounter()
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false })
  const place = new Place(document, counter)
  if (document.errors.length > 0) {
    const problems = document.errors.map((error) => ({
      path: '',
      line: counter.linePos(error.pos[0]).line,
      message: `this is not YAML: ${error.message}`,
    }))
    return { cluster: undefined, problems }
  }
  const content: unknown = document.toJS()
  if (!isMapping(content)) {
    return {
      cluster: undefined,
      problems: [
        {
          path: '',
          line: 1,
          message: `found ${shown(content)}: write pools by name, such as "cpu: { starts: worker }"`,
        },
      ],
    }
  }
  const problems: ClusterProblem[] = []
  const pools = new Map<string, Pool>()
  for (const [name, value] of Object.entries(content)) {
    const pool = checkPool(name, value, cores, place, problems)
    if (pool !== undefined) pools.set(name, pool)
  }
  if (problems.length === 0) problems.push(...wholeProblems(pools, place))
  return { cluster: problems.length > 0 ? undefined : { file, pools }, problems }
}

function checkPool(
  name: string,
  value: unknown,
  cores: number,
  place: Place,
  problems: ClusterProblem[],
): Pool | undefined {
  const report = (keys: PropertyKey[], message: string) =>
    problems.push({ path: [name, ...keys].join('.'), line: place.line([name, ...keys]), message })
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(name))
    report([], `a pool's name has letters, digits, "_" and "-", at most 64 of them`)
  if (isMapping(value) && ('cluster_class' in value || 'cluster_kwargs' in value)) {
    report(
      [],
      "this is dask-jobqueue's form, which needs the Slurm scheduler: not in this version; write starts, cores, maximum_jobs, … for local processes",
    )
    return undefined
  }
  const parsed = PoolForm.safeParse(isMapping(value) ? withoutNulls(value) : value)
  if (!parsed.success) {
    for (const issue of parsed.error.issues) reportIssue(issue, value, report)
    return undefined
  }
  const conflicts = poolProblems(parsed.data)
  for (const { key, message } of conflicts) report([key], message)
  return conflicts.length > 0 ? undefined : toPool(name, parsed.data, cores)
}

function reportIssue(
  issue: z.core.$ZodIssue,
  value: unknown,
  report: (keys: PropertyKey[], message: string) => void,
): void {
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys)
      report(
        [...issue.path, key],
        `this key is not known; known are ${Object.keys(PoolForm.shape).join(', ')}`,
      )
    return
  }
  const found = issue.path.reduce<unknown>(
    (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
    value,
  )
  report(
    issue.path,
    `found ${shown(found)}: ${issue.path.length === 0 ? 'write keys such as starts, cores and maximum_jobs' : issue.message}`,
  )
}

/** Who serves what must be clear in the whole: nothing twice, nothing missing. */
function wholeProblems(pools: Map<string, Pool>, place: Place): ClusterProblem[] {
  const problems: ClusterProblem[] = []
  const servedBy = new Map<string, string>()
  for (const { name, starts } of pools.values()) {
    for (const served of starts.kind === 'worker' ? starts.serves : [name]) {
      const other = servedBy.get(served)
      if (other !== undefined)
        problems.push({
          path: name,
          line: place.line([name]),
          message: `${served} is served by ${other} already: write it once`,
        })
      servedBy.set(served, name)
    }
  }
  const missing = REQUIRED_POOLS.filter((name) => !servedBy.has(name))
  if (missing.length > 0) {
    problems.push({
      path: '',
      line: 1,
      message: `found pools ${[...servedBy.keys()].join(', ')}; missing are ${missing.join(', ')}: write a pool of that name, or a worker that serves it`,
    })
  }
  return problems
}

/** Where a path of keys stands in the text; the nearest parent for one that does not. */
class Place {
  readonly #document: Document
  readonly #counter: LineCounter

  constructor(document: Document, counter: LineCounter) {
    this.#document = document
    this.#counter = counter
  }

  line(path: PropertyKey[]): number {
    for (let length = path.length; length > 0; length--) {
      const parent: unknown =
        length === 1 ? this.#document.contents : this.#document.getIn(path.slice(0, length - 1), true)
      const offset = isMap(parent) ? keyOffset(parent, path[length - 1]) : undefined
      if (offset !== undefined) return this.#counter.linePos(offset).line
    }
    return 1
  }
}

function keyOffset(map: YAMLMap, key: PropertyKey | undefined): number | undefined {
  const pair = map.items.find(
    (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(key),
  )
  return pair !== undefined && isNode(pair.key) ? pair.key.range?.[0] : undefined
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new QubusError(
      'INVALID_OPTION',
      `the cluster file ${file} can't be read: ${(cause as Error).message}`,
      { cause },
    )
  }
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

// `key:` with nothing after it says "not given".
function withoutNulls(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== null))
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value)
}
