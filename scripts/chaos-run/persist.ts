/** What asks a system whose broker may be away just now. */
import { setTimeout as pause } from 'node:timers/promises'
import { QubusError } from '#shared/contract/errors.ts'

const TRIES = 40

/** A client that is told "try again" does: the same id is the same run. @throws what does not pass. */
export async function persist<T>(act: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await act()
    } catch (error) {
      const passing =
        !(error instanceof QubusError) || ['UNREACHABLE', 'STREAM_FULL', 'UNKNOWN_RUN'].includes(error.code)
      if (!passing || tries === TRIES) throw error
      await pause(500)
    }
  }
}
