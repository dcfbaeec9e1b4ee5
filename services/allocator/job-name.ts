/**
 * Names of jobs. A name is used once: a second submit of it gives back the first, and a killed job's orphans are found
 * by it. It is a token, as the registry and the environment want it; a digest at its end stands for what it belongs to,
 * so that nobody else's name can be taken for it: not another run's, nor that of another system on the same machine.
 */
import { hash } from 'node:crypto'

/** Everything but the generation, which grows with each replacement. */
export type JobSeries = { prefix: string; suffix: string }

/** Jobs for one explicit allocation, one after the other. `home` names the system. */
export function allocationSeries(home: string, run: string, id: string): JobSeries {
  return { prefix: `${run.slice(0, 60)}-${id.slice(0, 30)}-`, suffix: digestOf(home, 'allocation', run, id) }
}

/** Jobs in one of a pool's places, one after the other. */
export function slotSeries(home: string, pool: string, slot: number): JobSeries {
  return { prefix: `${pool}-${slot}-`, suffix: digestOf(home, 'pool', pool) }
}

export function jobName({ prefix, suffix }: JobSeries, generation: number): string {
  return `${prefix}${generation}${suffix}`
}

/** Jobs of the series with their generation, oldest first. */
export function inSeries<J extends { name: string }>(
  series: JobSeries,
  jobs: readonly J[],
): { generation: number; job: J }[] {
  return jobs
    .flatMap((job) => {
      const generation = numberOf(/^[1-9]\d*$/, between(series, job.name))
      return generation === undefined ? [] : [{ generation, job }]
    })
    .sort((a, b) => a.generation - b.generation)
}

/** Which place of the pool a job has; undefined for any other job. */
export function slotOf(
  home: string,
  pool: string,
  name: string,
): { slot: number; generation: number } | undefined {
  const [slot, generation, ...more] =
    between({ prefix: `${pool}-`, suffix: digestOf(home, 'pool', pool) }, name)?.split('-') ?? []
  const place = { slot: numberOf(/^\d+$/, slot), generation: numberOf(/^[1-9]\d*$/, generation) }
  if (more.length > 0 || place.slot === undefined || place.generation === undefined) return undefined
  return { slot: place.slot, generation: place.generation }
}

function between({ prefix, suffix }: JobSeries, name: string): string | undefined {
  const fits = name.startsWith(prefix) && name.endsWith(suffix) && name.length > prefix.length + suffix.length
  return fits ? name.slice(prefix.length, name.length - suffix.length) : undefined
}

function numberOf(form: RegExp, text: string | undefined): number | undefined {
  return text !== undefined && form.test(text) ? Number(text) : undefined
}

function digestOf(...parts: string[]): string {
  return `-${hash('sha256', JSON.stringify(parts)).slice(0, 8)}`
}
