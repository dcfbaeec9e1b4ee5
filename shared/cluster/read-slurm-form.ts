/** The parts of a configuration in dask-jobqueue's form, read and checked, with a word for each key that is not used. */
import type { z } from 'zod'
import { suggestion } from '../circuit/closest-name.ts'
import type { PoolStarts } from './cluster.ts'
import { type Findings, isMapping, shown, withoutNulls } from './findings.ts'
import type { Path } from './place.ts'
import { startsProblems } from './pool-form.ts'
import { ADAPT, AdaptKwargs, Additions, ClusterKwargs, CONFIGURATION, KWARGS } from './slurm-form.ts'

export type SlurmParts = { kwargs: ClusterKwargs; adapt: AdaptKwargs; additions: Additions }

export function isSlurmForm(value: unknown): value is Record<string, unknown> {
  return isMapping(value) && ('cluster_class' in value || 'cluster_kwargs' in value)
}

/** Whether its class is one that Slurm can run. A file may say none. */
export function isForSlurm({ cluster_class: name }: Record<string, unknown>): boolean {
  return name === undefined || name === null || /(^|\.)SLURMCluster$/.test(String(name))
}

/** @param usual what a job is unless the configuration says otherwise. @returns undefined when a part has problems. */
export function readParts(
  configuration: Record<string, unknown>,
  path: Path,
  usual: PoolStarts['kind'],
  findings: Findings,
): SlurmParts | undefined {
  // What else stands on the top level of a file with one unnamed configuration is no part of it.
  const own = path.length > 0 ? configuration : withoutMappings(configuration)
  tellUnused(own, path, CONFIGURATION, findings)
  const kwargs = readPart(ClusterKwargs, configuration, [...path, 'cluster_kwargs'], KWARGS, findings)
  const adapt = readPart(AdaptKwargs, configuration, [...path, 'adapt_kwargs'], ADAPT, findings)
  const additions = readAdditions(configuration['qubus'] ?? {}, [...path, 'qubus'], usual, findings)
  if (kwargs === undefined || adapt === undefined || additions === undefined) return undefined
  return { kwargs, adapt, additions }
}

type Known = { keys: readonly string[]; unused: Readonly<Record<string, string>> }

function readPart<T>(
  schema: z.ZodType<T>,
  configuration: Record<string, unknown>,
  path: Path,
  known: Known,
  findings: Findings,
): T | undefined {
  const value = configuration[String(path.at(-1))] ?? {}
  if (!isMapping(value)) {
    findings.problem(path, `found ${shown(value)}: write keys such as ${known.keys.slice(0, 3).join(', ')}`)
    return undefined
  }
  tellUnused(value, path, known, findings)
  const parsed = schema.safeParse(asWritten(value, path, findings))
  if (parsed.success) return parsed.data
  findings.issues(parsed.error, value, path, known.keys, 'write keys')
  return undefined
}

function readAdditions(
  value: unknown,
  path: Path,
  usual: PoolStarts['kind'],
  findings: Findings,
): Additions | undefined {
  const parsed = Additions.safeParse(isMapping(value) ? withoutNulls(value) : value)
  if (!parsed.success) {
    findings.issues(
      parsed.error,
      value,
      path,
      Object.keys(Additions.shape),
      'write keys such as serves and slots',
    )
    return undefined
  }
  const conflicts = startsProblems({ ...parsed.data, starts: parsed.data.starts ?? usual })
  for (const { key, message } of conflicts) findings.problem([...path, key], message)
  return conflicts.length > 0 ? undefined : parsed.data
}

function tellUnused(
  value: Record<string, unknown>,
  path: Path,
  { keys, unused }: Known,
  findings: Findings,
): void {
  for (const key of Object.keys(value)) {
    if (keys.includes(key)) continue
    const why = unused[key]
    if (why === undefined)
      findings.warn([...path, key], `this key is not known and not used${suggestion(key, keys)}`)
    // Without a value nothing was meant by it.
    else if (value[key] !== null) findings.warn([...path, key], `not used${why === '' ? '' : `: ${why}`}`)
  }
}

function withoutMappings(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => !isMapping(each)))
}

// Every scalar as the text that stands in the file; what is empty counts as not given.
function asWritten(value: unknown, path: Path, findings: Findings): unknown {
  if (Array.isArray(value))
    return value.map((each, index) => asWritten(each, [...path, index], findings) ?? '')
  if (!isMapping(value)) return value === null ? undefined : (findings.place.text(path) ?? String(value))
  const entries = Object.entries(value).map(([key, each]) => [key, asWritten(each, [...path, key], findings)])
  return Object.fromEntries(entries.filter(([, text]) => text !== undefined && text !== ''))
}
