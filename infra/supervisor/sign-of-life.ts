/** Signs of life of whoever holds a lock: a file beside it that is written again and again. */
import { rmSync, statSync, writeFileSync } from 'node:fs'

const BEAT_MS = 10_000

/** @param holds whether the lock is still the caller's: when it is not, its signs end. */
export function giveSigns(lock: string, holds: () => boolean): Disposable {
  const file = fileOf(lock)
  const give = (): void => {
    try {
      writeFileSync(file, '', { mode: 0o600 })
    } catch {}
  }
  give()
  const timer = setInterval(() => (holds() ? give() : clearInterval(timer)), BEAT_MS)
  timer.unref()
  return {
    [Symbol.dispose]() {
      clearInterval(timer)
      if (holds()) rmSync(file, { force: true })
    },
  }
}

/**
 * How long there has been no sign, in milliseconds; undefined where there never was one. Both times are the file
 * system's own, so that the clocks of two hosts need not agree.
 */
export function silentFor(lock: string): number | undefined {
  const probe = `${lock}.now.${process.pid}`
  try {
    const { mtimeMs: last } = statSync(fileOf(lock))
    writeFileSync(probe, '', { mode: 0o600 })
    return Math.max(0, statSync(probe).mtimeMs - last)
  } catch {
    return undefined
  } finally {
    rmSync(probe, { force: true })
  }
}

function fileOf(lock: string): string {
  return `${lock}.alive`
}
