/** Lines that flow code writes: each has a number, so a replay does not repeat it. */
import type { Draft } from '#shared/bus/publisher.ts'
import { subject } from '#shared/contract/subjects.ts'
import { encode } from '#shared/wire/message.ts'
import type { FromThread } from './thread/protocol.ts'

/** One draft a line. Step 0 is the flow itself. */
export function lineDrafts(
  run: string,
  { step, first, lines }: Extract<FromThread, { type: 'log' }>,
): Draft[] {
  return lines.map((line, i) => ({
    subject: subject.log(run, step, first + i),
    body: encode({ writer: 'flow', seq: first + i, lines: [line] }),
  }))
}
