/** Messages of `LOGS` as rows: a row a line. */
import type { ClientBase } from 'pg'
import type { Delivery } from '#shared/bus/delivery.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { LogLines } from '#shared/contract/log-lines.ts'
import { parseCommandSubject } from '#shared/contract/subjects.ts'
import { decode } from '#shared/wire/message.ts'
import { Rows, rowsOf, toJsonb } from './columns.ts'

const SHAPE = {
  run: 'text',
  step: 'int4',
  attempt: 'int4',
  writer: 'text',
  seq: 'int8',
  line: 'int4',
  at: 'float8',
  level: 'text',
  stream: 'text',
  text: 'text',
  fields: 'text',
} as const

export type LogRows = Rows<typeof SHAPE>

export const noLogRows = (): LogRows => new Rows(SHAPE)

/** @throws QubusError `POISON`; nothing of the message was added. */
export function addLines(rows: LogRows, { subject, data }: Delivery): void {
  const { run, step, attempt } = parseCommandSubject(subject)
  if (!Number.isInteger(step) || !Number.isInteger(attempt)) {
    throw new QubusError('POISON', 'a subject of LOGS has something else where a number belongs')
  }
  const { writer, seq, lines } = decode(LogLines, data)
  lines.forEach(({ at, level, stream, text, fields }, line) => {
    rows.push({ run, step, attempt, writer, seq, line, at, level, stream, text, fields: toJsonb(fields) })
  })
}

// A writer may publish a message again, and the broker may hand it out again: the key tells.
const INSERT = `
  insert into logs (run, step, attempt, writer, seq, line, at, level, stream, text, fields)
  select run, step, attempt, writer, seq, line, to_timestamp(at / 1000), level, stream, text, fields::jsonb
  from ${rowsOf(SHAPE)} on conflict do nothing`

export async function writeLogs(client: ClientBase, rows: LogRows): Promise<void> {
  if (rows.count > 0) await client.query({ name: 'write-logs', text: INSERT, values: rows.parameters() })
}
