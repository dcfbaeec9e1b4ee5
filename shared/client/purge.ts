/** Takes messages out of a stream by their subject. */
import { QubusError } from '../contract/errors.ts'
import type { StreamName } from '../contract/streams.ts'
import type { Session } from './session.ts'

const TIMEOUT_MS = 5_000

/** @returns how many there were. @throws QubusError `UNREACHABLE`. */
export async function purgeSubject({ bus }: Session, stream: StreamName, subject: string): Promise<number> {
  const body = JSON.stringify({ filter: subject })
  const reply = await bus.nc
    .request(`$JS.API.STREAM.PURGE.${stream}`, body, { timeout: TIMEOUT_MS })
    .catch((cause: unknown) => {
      throw new QubusError('UNREACHABLE', `${subject} could not be removed`, { cause })
    })
  const { error, purged = 0 } = reply.json<{ error?: { description?: string }; purged?: number }>()
  if (error !== undefined)
    throw new QubusError('UNREACHABLE', `${subject} could not be removed: ${error.description}`)
  return purged
}
