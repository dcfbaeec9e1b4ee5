/** `qubus runs`: what result storage knows, and the requests that nobody has taken up yet. */
import { connect } from '#shared/client/client.ts'
import type { RunState } from '#shared/contract/run-record.ts'
import { titleOf } from '../error-form.ts'
import { EXIT } from '../exit-code.ts'
import { emit, print, say } from '../output.ts'
import { painter, stateStyle } from '../terminal/colour.ts'
import { formatAge, formatSeconds, parseDuration } from '../terminal/duration.ts'
import { shorten } from '../terminal/printable.ts'
import { renderTable } from '../terminal/table.ts'

export type RunsOptions = {
  limit: number
  state?: RunState
  flow?: string
  project?: string
  user?: string
  tag?: string
  schedule?: string
  since?: string
  json?: boolean
}

export async function runs(options: RunsOptions): Promise<number> {
  const { limit, state, flow, project, user, tag, schedule, json } = options
  const since =
    options.since === undefined ? undefined : Date.now() - parseDuration('--since', options.since) * 1000
  await using client = await connect()
  const { runs: stored } = await client.query('runs', {
    limit,
    state,
    flow,
    project,
    user,
    tag,
    schedule,
    since,
  })
  const known = new Set(stored.map((each) => each.run))
  const queued = state === undefined || state === 'queued' ? await client.queued() : []
  const waiting = queued.filter(
    (each) =>
      !known.has(each.run) &&
      (flow === undefined || each.flow === flow) &&
      (project === undefined || each.project === project) &&
      (user === undefined || each.user === user) &&
      (tag === undefined || (each.tags?.includes(tag) ?? false)) &&
      (schedule === undefined || each.schedule === schedule) &&
      (since === undefined || each.requestedAt >= since),
  )
  const all = [...waiting, ...stored].sort((a, b) => b.requestedAt - a.requestedAt).slice(0, limit)
  if (json) {
    for (const each of all) emit(each)
    return EXIT.done
  }
  if (all.length === 0) {
    say('no runs')
    return EXIT.done
  }
  const paint = painter(process.stdout)
  print(
    renderTable({
      head: ['RUN', 'NAME', 'STATE', 'STEPS', 'AGE', 'TOOK', 'ERROR'],
      rows: all.map((each) => [
        each.run,
        shorten(each.name, 40),
        each.state,
        each.steps,
        formatAge(each.requestedAt),
        each.startedAt !== undefined && each.endedAt !== undefined
          ? formatSeconds((each.endedAt - each.startedAt) / 1000)
          : '',
        each.error ? shorten(`${each.error.code}: ${titleOf(each.error)}`, 60) : '',
      ]),
      right: [3, 4, 5],
      paint: (text, _, column) => (column === 2 ? paint(stateStyle(text), text) : text),
    }),
  )
  return EXIT.done
}
