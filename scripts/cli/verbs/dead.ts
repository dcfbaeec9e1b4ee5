/** `qubus dead list|show|replay`: messages that were given up. */
import { connect } from '#shared/client/client.ts'
import { type DeadOptions, type DeadView, replayDead } from '#shared/client/dead-letters.ts'
import { openSession } from '#shared/client/session.ts'
import type { DeadLetter } from '#shared/contract/dead-letter.ts'
import { toJson } from '#shared/wire/json-form.ts'
import { unpack } from '#shared/wire/message.ts'
import { describeFailure, errorForm } from '../error-form.ts'
import { EXIT, exitCodeOf } from '../exit-code.ts'
import { emit, print, say } from '../output.ts'
import { formatAge } from '../terminal/duration.ts'
import { printableLines, shorten } from '../terminal/printable.ts'
import { renderTable } from '../terminal/table.ts'

type Options = { json?: boolean }

export async function list({ json, ...options }: DeadOptions & Options): Promise<number> {
  await using client = await connect()
  const found = await client.dead.list(options)
  if (json) for (const each of found) emit(shown(each))
  else if (found.length === 0) say('no dead letters')
  else
    print(
      renderTable({
        head: ['ID', 'STREAM', 'RUN', 'AGE', 'BY', 'ERROR'],
        rows: found.map(({ id, stream, run, at, by, error }) => [
          id,
          stream,
          run,
          formatAge(at),
          by,
          shorten(`${error.code}: ${error.message}`, 80),
        ]),
        right: [0, 3],
      }),
    )
  return EXIT.done
}

export async function show(id: number, { json }: Options): Promise<number> {
  await using client = await connect()
  const { letter, ...view } = await client.dead.get(id)
  const content = contentOf(letter)
  if (json) {
    emit({ ...shown(view), error: letter.error, headers: headersOf(letter), content })
    return EXIT.done
  }
  print(`${letter.subject}  (${letter.stream}, message ${letter.sequence})`)
  print(`given up ${formatAge(letter.at)} ago by ${letter.by}`)
  print(printableLines(describeFailure(letter.error)))
  for (const [key, value] of Object.entries(headersOf(letter))) print(printableLines(`${key}: ${value}`))
  print(printableLines(typeof content === 'string' ? content : toJson(content, 2)))
  return EXIT.done
}

export async function replay(ids: number[], { json }: Options): Promise<number> {
  // What actors say to each other nobody else may say; putting it back is its owner's.
  await using session = await openSession({}, 'admin')
  let worst: number = EXIT.done
  for (const id of ids) {
    try {
      const done = await replayDead(session, id)
      if (json) emit(done)
      else
        say(
          done.replayed === 'put back'
            ? `${id} is back on ${done.subject}`
            : `${id} was replayed before, or its work is under way: nothing was put back`,
        )
    } catch (error) {
      worst = Math.max(worst, exitCodeOf(error))
      if (json) emit({ id, error: errorForm(error) })
      say(`error: ${(error as Error).message}`)
    }
  }
  return worst
}

function shown({ at, ...rest }: DeadView): object {
  return { ...rest, at: new Date(at) }
}

// A person wants to see it; what is no message of ours may be anything.
function contentOf({ body }: DeadLetter): unknown {
  const text = Buffer.from(body).toString()
  try {
    return JSON.parse(text)
  } catch {}
  try {
    const value = unpack(body)
    if (typeof value === 'object' && value !== null) return value
  } catch {}
  return /^[\P{C}\s]*$/u.test(text) ? text : Buffer.from(body).toString('base64')
}

function headersOf({ headers = '' }: DeadLetter): Record<string, string> {
  return Object.fromEntries(
    headers
      .split('\r\n')
      .filter((line) => line !== '')
      .map((line) => {
        const at = line.indexOf(': ')
        return [line.slice(0, at), line.slice(at + 2)]
      }),
  )
}
