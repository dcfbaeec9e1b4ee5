/** The circuit in a command's payload. */
import type { Blobs } from '#shared/bus/blobs.ts'
import { type CircuitCommand, CircuitSpec } from '#shared/contract/command.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { decodeValue } from '#shared/wire/value.ts'

/** @throws QubusError `INVALID_OPTION` naming what is wrong; `BLOB_MISSING` or `BLOB_CORRUPT`. */
export async function specOf(blobs: Blobs, command: CircuitCommand): Promise<CircuitSpec> {
  const parsed = CircuitSpec.safeParse(decodeValue(await blobs.fromPayload(command.payload)))
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const what = issue?.path.join('.') || 'specification'
  throw new QubusError('INVALID_OPTION', `the circuit's ${what}: ${issue?.message}`)
}
