/** A clock for the actors that can be moved, by libfaketime where this host has it. The broker keeps the true time. */
import { existsSync, globSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'

export type FakeClock = {
  /** What a program must be started with. */
  environment: Record<string, string>
  /** Seconds from the true time. */
  move(seconds: number): Promise<void>
}

/** Undefined where there is no libfaketime. @param file says how far the clock is off. */
export async function fakeClock(file: string): Promise<FakeClock | undefined> {
  const library = [
    ...globSync('/usr/lib/*/faketime/libfaketimeMT.so.1'),
    '/usr/lib/faketime/libfaketimeMT.so.1',
  ].find((path) => existsSync(path))
  if (library === undefined) return undefined
  let drafts = 0
  const move = async (seconds: number): Promise<void> => {
    // Two faults may move it at once: the last one counts.
    const draft = `${file}.${++drafts}`
    await writeFile(draft, `${seconds < 0 ? '' : '+'}${seconds}\n`)
    await rename(draft, file)
  }
  await move(0)
  return {
    environment: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_CACHE_DURATION: '1',
      // What waits, waits as long as it would.
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
      FAKETIME_DONT_RESET: '1',
      NO_FAKE_STAT: '1',
    },
    move,
  }
}
