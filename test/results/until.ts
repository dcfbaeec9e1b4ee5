/** Waits for a condition, for as long as the test may run. */
import { setTimeout as pause } from 'node:timers/promises'

export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const since = performance.now()
  for (let told = false; !(await condition()); await pause(25)) {
    if (told || performance.now() - since < 30_000) continue
    told = true
    console.error(`still waiting: ${what}`)
  }
}
