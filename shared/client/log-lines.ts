/** The log lines of a run: what is stored, then what comes. */
import { readAll } from '../bus/direct.ts'
import { assertToken } from '../contract/ids.ts'
import { type LogLine, LogLines } from '../contract/log-lines.ts'
import { STREAM } from '../contract/streams.ts'
import { filter } from '../contract/subjects.ts'
import { decode } from '../wire/message.ts'
import { channel } from './channel.ts'
import type { Session } from './session.ts'

export type RunLogLine = LogLine & { step: number; attempt: number }

export type LogOptions = {
  /** Goes on until the signal says stop. */
  follow?: boolean
  /** What is stored already; default true. */
  history?: boolean
  signal?: AbortSignal
}

export async function* logLines(
  session: Session,
  run: string,
  options: LogOptions = {},
): AsyncGenerator<RunLogLine> {
  assertToken('the run id', run)
  const { follow = false, history = true, signal } = options
  // Listening comes before reading, so that nothing falls between; what both bring is told apart by writer and number.
  using live = channel<{ subject: string; data: Uint8Array }>(signal)
  if (follow) {
    const subscription = session.bus.nc.subscribe(filter.runLogs(run), {
      callback: (error, message) => {
        if (!error) live.push(message)
      },
    })
    live.onClose(() => subscription.unsubscribe())
    await session.bus.nc.flush()
  }
  const seen = new Set<string>()
  if (history) {
    for await (const page of readAll(session.bus.nc, STREAM.logs, filter.runLogs(run))) {
      for (const stored of page) yield* unseen(stored, seen)
    }
  }
  if (!follow) return
  for await (const message of live) yield* unseen(message, seen)
}

function* unseen(
  { subject, data }: { subject: string; data: Uint8Array },
  seen: Set<string>,
): Generator<RunLogLine> {
  const tokens = subject.split('.')
  const [step, attempt] = [Number(tokens.at(-2)), Number(tokens.at(-1))]
  const { writer, seq, lines } = decode(LogLines, data)
  const key = `${writer} ${step}.${attempt} ${seq}`
  if (seen.has(key)) return
  seen.add(key)
  for (const line of lines) yield { ...line, step, attempt }
}
