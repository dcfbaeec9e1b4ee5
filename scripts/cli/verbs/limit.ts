/** `qubus limit set|list|remove`: global concurrency limits. */
import { connect } from '#shared/client/client.ts'
import { EXIT } from '../exit-code.ts'
import { emit, print, say } from '../output.ts'
import { renderTable } from '../terminal/table.ts'

type Options = { json?: boolean }

export async function set(name: string, places: number, { json }: Options): Promise<number> {
  await using client = await connect()
  const done = await client.limits.set(name, places)
  if (json) emit(done)
  else say(`limit ${name}: ${places} at once${done.was === undefined ? '' : `, was ${done.was}`}`)
  return EXIT.done
}

export async function list({ json }: Options): Promise<number> {
  await using client = await connect()
  const found = await client.limits.list()
  if (json) for (const each of found) emit(each)
  else if (found.length === 0) say('no limits: qubus limit set NAME PLACES makes one')
  else
    print(
      renderTable({
        head: ['LIMIT', 'PLACES', 'TAKEN', 'WAITING'],
        rows: found.map(({ limit, places, taken, waiting }) => [limit, places, taken, waiting]),
        right: [1, 2, 3],
      }),
    )
  return EXIT.done
}

export async function remove(name: string, { force, json }: Options & { force?: boolean }): Promise<number> {
  await using client = await connect()
  const { places } = await client.limits.remove(name, force)
  if (json) emit({ limit: name, removed: true, places })
  else say(`limit ${name} is gone`)
  return EXIT.done
}
