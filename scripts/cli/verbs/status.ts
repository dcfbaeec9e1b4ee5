/** `qubus status`. */
import { connect } from '#shared/client/client.ts'
import type { SystemStatus } from '#shared/client/status.ts'
import { EXIT } from '../exit-code.ts'
import { emit, print } from '../output.ts'
import { painter, stateStyle } from '../terminal/colour.ts'
import { formatAge } from '../terminal/duration.ts'
import { renderTable } from '../terminal/table.ts'

export async function status(options: { json?: boolean }): Promise<number> {
  await using client = await connect()
  const found = await client.status()
  if (options.json) emit(toJsonShape(found))
  else showForPeople(found)
  return EXIT.done
}

function toJsonShape({ actors, vqpus, jobs, queues }: SystemStatus) {
  return {
    actors: actors.map(({ name, id, pid, host, state, job, pools, paused }) => ({
      name,
      id,
      pid,
      host,
      state,
      job,
      pools,
      paused,
    })),
    vqpus: vqpus.map(({ id, engine, state, why, host, pid, queued, running, job }) => ({
      id,
      engine,
      state,
      why,
      host,
      pid,
      queued,
      running,
      job,
    })),
    jobs,
    queues,
  }
}

function showForPeople({ actors, vqpus, jobs, queues }: SystemStatus): void {
  const paint = painter(process.stdout)
  const colour = (column: number) => (text: string, _: number, at: number) =>
    at === column ? paint(stateStyle(text), text) : text
  print(
    renderTable({
      head: ['ACTOR', 'ID', 'STATE', 'HOST', 'PID', 'JOB', 'UP'],
      rows: actors.map((each) => [
        each.name,
        each.id,
        each.state,
        each.host,
        each.pid,
        each.job,
        formatAge(each.startedAt),
      ]),
      right: [4, 6],
      paint: colour(2),
    }),
  )
  const reasons = new Set(actors.flatMap(({ name, paused }) => (paused ? [`${name}: ${paused}`] : [])))
  for (const reason of reasons) print(`\n${reason}`)
  if (vqpus.length > 0) {
    print(
      `\n${renderTable({
        head: ['VQPU', 'ENGINE', 'STATE', 'HOST', 'PID', 'JOB', 'QUEUED', 'RUNNING', 'DONE'],
        rows: vqpus.map((each) => [
          each.id,
          each.engine,
          each.state,
          each.host,
          each.pid,
          each.job,
          each.queued,
          each.running,
          each.done,
        ]),
        right: [4, 6, 7, 8],
        paint: colour(2),
      })}`,
    )
  }
  if (jobs.length > 0) {
    print(
      `\n${renderTable({ head: ['JOB', 'POOL', 'STATE', 'NODE', 'REASON'], rows: jobs.map((each) => [each.job, each.pool, each.state, each.node, each.reason]), paint: colour(2) })}`,
    )
  }
  print(
    `\n${renderTable({
      head: ['QUEUE', 'WAITING', 'RUNNING'],
      rows: Object.entries(queues).map(([name, { waiting, running }]) => [name, waiting, running]),
      right: [1, 2],
    })}`,
  )
}
