/** Waits for a condition: tests never sleep for a guessed time. */
import { setTimeout as pause } from 'node:timers/promises'

// Against hangs only: a slow machine must not fail a test.
const GIVE_UP_MS = 120_000

/** Asks again and again until `look` returns something other than undefined, null or false; returns that. */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  everyMs = 20,
): Promise<NonNullable<Exclude<T, false>>> {
  const end = performance.now() + GIVE_UP_MS
  for (;;) {
    const found = await look()
    if (found !== undefined && found !== null && found !== false)
      return found as NonNullable<Exclude<T, false>>
    if (performance.now() > end) throw new Error(`waited ${GIVE_UP_MS / 1000} s in vain for: ${what}`)
    await pause(everyMs)
  }
}
