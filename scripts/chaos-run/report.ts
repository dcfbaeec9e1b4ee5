/** What a person or a program is told: a line a round, and figures at the end. */

import type { Verdict } from './check.ts'
import { type Fault, faultText } from './faults.ts'

export type RoundReport = Verdict & {
  seed: number
  faults: Fault[]
  seconds: number
  /** Until the last run had ended. */
  playedSeconds: number
}

export type Reporter = {
  say(text: string): void
  round(round: RoundReport): void
  summary(): void
}

/** @param json one JSON object a line on stdout. */
export function reporter(json: boolean): Reporter {
  const all: RoundReport[] = []
  const say = (text: string): void => void process.stderr.write(`${text}\n`)
  const data = (value: object): void => void process.stdout.write(`${JSON.stringify(value)}\n`)
  return {
    say,
    round(round) {
      all.push(round)
      if (json) return data(round)
      const { seed, runs, steps, seconds, playedSeconds, faults, violations } = round
      const verdict = violations.length === 0 ? 'ok' : 'VIOLATED'
      const what = faults.map(faultText).join(', ') || 'no fault'
      process.stdout.write(
        `seed ${seed}  ${verdict}  ${playedSeconds.toFixed(1)}+${(seconds - playedSeconds).toFixed(1)} s  ${runs} runs  ${steps} steps  ${what}\n`,
      )
      for (const violation of violations) process.stdout.write(`  ${violation}\n`)
    },
    summary() {
      const figures = figuresOf(all)
      if (json) return data({ summary: figures })
      const faults = Object.entries(figures.faults)
      process.stdout.write(
        `${figures.rounds} rounds (${figures.violated} violated), ${figures.runs} runs, ${figures.steps} steps, ` +
          `${figures.again} executions again, ${figures.seconds.toFixed(0)} s\n` +
          `faults: ${faults.map(([kind, times]) => `${times} ${kind}`).join(', ') || 'none'}\n`,
      )
    },
  }
}

function figuresOf(all: RoundReport[]) {
  const sum = (of: (round: RoundReport) => number): number =>
    all.reduce((total, round) => total + of(round), 0)
  const faults: Record<string, number> = {}
  for (const { fault } of all.flatMap((round) => round.faults)) faults[fault] = (faults[fault] ?? 0) + 1
  return {
    rounds: all.length,
    violated: sum(({ violations }) => (violations.length > 0 ? 1 : 0)),
    runs: sum(({ runs }) => runs),
    steps: sum(({ steps }) => steps),
    again: sum(({ again }) => again),
    seconds: sum(({ seconds }) => seconds),
    faults,
  }
}
