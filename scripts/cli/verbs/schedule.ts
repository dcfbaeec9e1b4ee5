/** `qubus schedule set|list|remove|pause|resume`: flow requests that the broker repeats. */
import { clientOn, connect } from '#shared/client/client.ts'
import { prepareFlow } from '#shared/client/prepare-flow.ts'
import { assertKnownFlow } from '#shared/client/published-flows.ts'
import type { ScheduleView } from '#shared/client/schedules.ts'
import { openSession } from '#shared/client/session.ts'
import { EXIT } from '../exit-code.ts'
import { type RequestOptions, requestFrom } from '../options.ts'
import { emit, print, say } from '../output.ts'
import { formatAge } from '../terminal/duration.ts'
import { renderTable } from '../terminal/table.ts'

export type SetOptions = RequestOptions & { timeZone?: string; json?: boolean }

export async function set(name: string, when: string, target: string, options: SetOptions): Promise<number> {
  const { params, ...wanted } = requestFrom(options)
  const prepared = await prepareFlow(target, params)
  const session = await openSession()
  await using client = clientOn(session)
  if (prepared.bundle === undefined) await assertKnownFlow(session, prepared.flow)
  const { flow, bundle } = prepared
  const { timeZone } = options
  const view = await client.schedules.set(
    name,
    { when, timeZone },
    { ...wanted, flow, params: prepared.params, ...(bundle === undefined ? {} : { bundle }) },
  )
  if (options.json) emit(shown(view))
  else say(`${name}: ${flow} at ${view.when}${timeZone === undefined ? '' : ` in ${timeZone}`}`)
  return EXIT.done
}

export async function list({ json }: { json?: boolean }): Promise<number> {
  await using client = await connect()
  const found = await client.schedules.list()
  if (json) for (const each of found) emit(shown(each))
  else if (found.length === 0) say('no schedules: qubus schedule set NAME WHEN FLOW makes one')
  else
    print(
      renderTable({
        head: ['SCHEDULE', 'FLOW', 'WHEN', 'TIME ZONE', 'LAST', 'NEXT', 'BY'],
        rows: found.map(({ schedule, flow, when, timeZone, last, next, by, paused }) => [
          schedule,
          flow,
          when,
          timeZone ?? 'UTC',
          last === undefined ? '' : `${formatAge(last)} ago`,
          paused ? 'paused' : next === undefined ? '' : new Date(next).toISOString(),
          by,
        ]),
      }),
    )
  return EXIT.done
}

export async function remove(name: string, { json }: { json?: boolean }): Promise<number> {
  await using client = await connect()
  const removed = await client.schedules.remove(name)
  if (json) emit({ schedule: name, removed })
  else say(removed ? `schedule ${name} is gone` : `there is no schedule ${name}: qubus schedule list`)
  return removed ? EXIT.done : EXIT.failed
}

type Changed = { json?: boolean }

export async function pause(name: string, { json }: Changed): Promise<number> {
  await using client = await connect()
  return tell(name, await client.schedules.pause(name), 'is paused: qubus schedule resume continues it', json)
}

export async function resume(name: string, { json }: Changed): Promise<number> {
  await using client = await connect()
  return tell(name, await client.schedules.resume(name), 'goes on', json)
}

function tell(name: string, view: ScheduleView | undefined, text: string, json?: boolean): number {
  if (view === undefined) {
    if (json) emit({ schedule: name, found: false })
    say(`there is no schedule ${name}: qubus schedule list`)
    return EXIT.failed
  }
  if (json) emit(shown(view))
  else say(`schedule ${name} ${text}`)
  return EXIT.done
}

function shown({ at, last, next, ...rest }: ScheduleView): object {
  const date = (time: number | undefined) => (time === undefined ? undefined : new Date(time))
  return { ...rest, at: date(at), last: date(last), next: date(next) }
}
