/** `qubus publish`, `qubus unpublish`, `qubus flows`: flows that can be asked for by their names. */
import { connect } from '#shared/client/client.ts'
import { prepareFile, publishPrepared } from '#shared/client/publish-file.ts'
import type { Publication } from '#shared/client/published-flows.ts'
import { openSession } from '#shared/client/session.ts'
import { EXIT } from '../exit-code.ts'
import { emit, print, say } from '../output.ts'
import { formatAge } from '../terminal/duration.ts'
import { shorten } from '../terminal/printable.ts'
import { schemaText } from '../terminal/schema-text.ts'
import { renderTable } from '../terminal/table.ts'

export async function publish(files: string[], { json }: { json?: boolean }): Promise<number> {
  // All that is wrong with any of them is said before one is published.
  const prepared = await Promise.all(files.map(prepareFile))
  await using session = await openSession()
  for (const [i, each] of prepared.entries()) {
    for (const published of await publishPrepared(session, each)) {
      if (json) emit({ ...published, file: files[i] })
      else print(`${published.flow} ${published.version} ${changeText(published)}`)
    }
  }
  return EXIT.done
}

function changeText({ change, was }: Publication): string {
  if (was === undefined) return change
  const before = `${was.by}, ${formatAge(was.at)} ago`
  return change === 'changed' ? `changed, was ${was.version} (${before})` : `unchanged (${before})`
}

export async function unpublish(flows: string[], { json }: { json?: boolean }): Promise<number> {
  await using client = await connect()
  let missing = 0
  for (const flow of flows) {
    const removed = await client.unpublish(flow)
    if (!removed) missing++
    if (json) emit({ flow, removed })
    else say(removed ? `${flow} is not published any more` : `${flow} was not published`)
  }
  return missing > 0 ? EXIT.failed : EXIT.done
}

export async function flows({ json }: { json?: boolean }): Promise<number> {
  await using client = await connect()
  const found = await client.flows()
  if (json) {
    for (const { flow, version, file, input, at, by, bundle } of found)
      emit({ flow, version, file, input, publishedAt: new Date(at), by, bundle })
    return EXIT.done
  }
  if (found.length === 0) {
    say('no flow is published: qubus publish FILE does that')
    return EXIT.done
  }
  print(
    renderTable({
      head: ['FLOW', 'VERSION', 'PARAMETERS', 'PUBLISHED', 'BY', 'FILE'],
      rows: found.map(({ flow, version, input, at, by, file }) => [
        flow,
        version,
        shorten(input === undefined ? '' : schemaText(input), 60),
        `${formatAge(at)} ago`,
        by,
        file ?? '',
      ]),
    }),
  )
  return EXIT.done
}
