/** `qubus signal set|get|clear|list`: signals of flows, from outside. */
import { connect } from '#shared/client/client.ts'
import type { SignalView } from '#shared/client/signals.ts'
import { toJson } from '#shared/wire/json-form.ts'
import { EXIT } from '../exit-code.ts'
import { parseJson } from '../options.ts'
import { emit, print, say } from '../output.ts'
import { formatAge } from '../terminal/duration.ts'
import { shorten } from '../terminal/printable.ts'
import { renderTable } from '../terminal/table.ts'

type Options = { scope?: string; json?: boolean }

export async function set(name: string, metadata: string | undefined, options: Options): Promise<number> {
  const value =
    metadata === undefined ? undefined : parseJson('the metadata', metadata, `'{"n": 3}', or '"a string"'`)
  await using client = await connect()
  const view = await client.signals.set(name, value, options)
  if (options.json) emit(shown(view))
  else say(`${name} is set${view.count > 1 ? `, for the ${view.count}th time` : ''}`)
  return EXIT.done
}

export async function get(name: string, options: Options): Promise<number> {
  await using client = await connect()
  const view = await client.signals.get(name, options)
  if (options.json)
    emit(view ? shown(view) : { signal: name, scope: options.scope ?? 'shared', set: false, count: 0 })
  else if (view?.set) print(view.value === undefined ? 'set' : toJson(view.value, 2))
  else if (view) say(`${name} is not set: cleared ${formatAge(view.at)} ago by ${view.by}`)
  else say(`${name} is not set, and never was`)
  return view?.set ? EXIT.done : EXIT.failed
}

export async function clear(name: string, options: Options): Promise<number> {
  await using client = await connect()
  const view = await client.signals.clear(name, options)
  if (options.json) emit(shown(view))
  else say(`${name} is clear`)
  return EXIT.done
}

export async function list(options: Options): Promise<number> {
  await using client = await connect()
  const found = await client.signals.list(options)
  if (options.json) for (const each of found) emit(shown(each))
  else if (found.length === 0) say('no signals: a flow or qubus signal set NAME makes one')
  else
    print(
      renderTable({
        head: ['SIGNAL', 'SCOPE', 'STATE', 'VALUE', 'AGE', 'BY'],
        rows: found.map(({ signal, scope, set, value, at, by }) => [
          signal,
          scope,
          set ? 'set' : 'clear',
          value === undefined ? '' : shorten(toJson(value), 60),
          formatAge(at),
          by,
        ]),
        right: [4],
      }),
    )
  return EXIT.done
}

function shown({ at, ...rest }: SignalView): object {
  return { ...rest, at: new Date(at) }
}
