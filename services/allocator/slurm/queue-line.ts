/** What `squeue` says of one job, in columns that every version has. */

export type QueueEntry = {
  id: string
  name: string
  /** Slurm's own word: `PENDING`, `RUNNING`, `TIMEOUT`, … */
  state: string
  node: string | undefined
  /** Unix milliseconds. */
  submittedAt: number | undefined
  startedAt: number | undefined
  /** Slurm's reason: why it waits, or how it came to an end. */
  reason: string | undefined
}

const SEPARATOR = '|'

/** For `squeue --format`. The reason comes last: it alone may hold anything. */
export const QUEUE_FORMAT = ['%A', '%j', '%T', '%N', '%V', '%S', '%r'].join(SEPARATOR)

/** A line that is none of a job (a warning of a plugin) is left out. */
export function readQueue(text: string): QueueEntry[] {
  return text.split('\n').flatMap((line) => {
    const [id, name, state, node, submitted, started, ...reason] = line.trim().split(SEPARATOR)
    if (id === undefined || !/^\d+$/.test(id) || name === undefined || state === undefined) return []
    if (reason.length === 0) return []
    return [
      {
        id,
        name,
        state,
        node: given(node),
        submittedAt: timeOf(submitted),
        startedAt: timeOf(started),
        reason: given(reason.join(SEPARATOR)),
      },
    ]
  })
}

function given(text: string | undefined): string | undefined {
  return text === undefined || ['', 'N/A', '(null)', 'None', 'Unknown'].includes(text) ? undefined : text
}

// In the time zone of the host that asks, without saying which.
function timeOf(text: string | undefined): number | undefined {
  const at = Date.parse(given(text) ?? '')
  return Number.isNaN(at) ? undefined : at
}
