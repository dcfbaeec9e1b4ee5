/** `qubus events`: what happened, and with --follow what happens. */
import { connect } from '#shared/client/client.ts'
import type { CloudEvent } from '#shared/contract/event.ts'
import { toJson } from '#shared/wire/json-form.ts'
import { EXIT } from '../exit-code.ts'
import { emit, print } from '../output.ts'
import { painter } from '../terminal/colour.ts'
import { parseDuration } from '../terminal/duration.ts'
import { printable } from '../terminal/printable.ts'

export type EventsOptions = { run?: string; since?: string; follow?: boolean; json?: boolean }

export async function events({ run, since, follow, json }: EventsOptions): Promise<number> {
  const from = since === undefined ? undefined : Date.now() - parseDuration('--since', since) * 1000
  await using client = await connect()
  const over = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => over.abort())
  const paint = painter(process.stdout)
  for await (const event of client.events({ run, since: from, follow, signal: over.signal })) {
    if (json) emit(event)
    else print(renderEvent(event, (text) => paint('dim', text)))
  }
  return EXIT.done
}

function renderEvent(
  { time, type, run, step, stepname, subject, data }: CloudEvent,
  dim: (text: string) => string,
): string {
  const about = [
    run,
    step === undefined ? undefined : `step ${String(step)}`,
    stepname ?? (subject === run ? undefined : subject),
  ].filter((each) => each !== undefined)
  const facts = data === undefined ? '' : dim(printable(toJson(data)))
  return `${dim(time.slice(11, 23))} ${type.padEnd(26)} ${printable(about.map(String).join(' '))} ${facts}`.trimEnd()
}
