/** What a step prints, as messages of its run's log: gathered for a moment, and bounded with a clear mark. */
import type { Publisher } from '#shared/bus/publisher.ts'
import type { LogLine, LogLines } from '#shared/contract/log-lines.ts'
import { type StepIdentity, subject } from '#shared/contract/subjects.ts'
import { encode } from '#shared/wire/message.ts'

const GATHER_MS = 100
const MOST_LINES = 500
/** Bytes of log that one attempt may write. */
const MOST_BYTES = 16 * 1024 * 1024

export type StepLog = { add(lines: LogLine[]): void; flush(): void }

export function openStepLog(publisher: Publisher, writer: string, id: StepIdentity): StepLog {
  let waiting: LogLine[] = []
  let timer: NodeJS.Timeout | undefined
  let seq = 0
  let bytes = 0
  const flush = (): void => {
    clearTimeout(timer)
    timer = undefined
    if (waiting.length === 0) return
    const message: LogLines = { writer, seq: seq++, lines: waiting }
    waiting = []
    publisher
      .create({ subject: subject.log(id.run, id.step, id.attempt), body: encode(message), append: true })
      .catch(() => {})
  }
  return {
    add(lines) {
      for (const line of lines) {
        if (bytes > MOST_BYTES) return
        bytes += line.text.length + 64
        waiting.push(
          bytes > MOST_BYTES
            ? { ...line, text: `[… cut: this attempt has written ${MOST_BYTES} bytes of log …]` }
            : line,
        )
        if (waiting.length >= MOST_LINES) flush()
      }
      timer ??= setTimeout(flush, GATHER_MS)
    },
    flush,
  }
}
