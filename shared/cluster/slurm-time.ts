/** Spans of time as Slurm writes them. */

const DAYS = /^(\d+)-(\d{1,2})(?::(\d{1,2})(?::(\d{1,2}))?)?$/
const CLOCK = /^(\d+)(?::(\d{1,2}))?(?::(\d{1,2}))?$/

/**
 * In seconds: minutes, `MM:SS`, `HH:MM:SS`, `D-HH`, `D-HH:MM`, `D-HH:MM:SS`. Infinity for Slurm's words for "no limit",
 * and for 0, which asks for none. Undefined for what is no time.
 */
export function parseSlurmTime(text: string): number | undefined {
  const written = text.trim()
  if (/^(infinite|unlimited|-1)$/i.test(written)) return Number.POSITIVE_INFINITY
  const seconds = withDays(written) ?? withoutDays(written)
  return seconds === 0 ? Number.POSITIVE_INFINITY : seconds
}

function withDays(text: string): number | undefined {
  const found = DAYS.exec(text)
  if (found === null) return undefined
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = found.slice(1).map((part) => Number(part ?? 0))
  return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
}

// Without days two numbers are minutes and seconds, not hours and minutes.
function withoutDays(text: string): number | undefined {
  const found = CLOCK.exec(text)
  if (found === null) return undefined
  const [first = 0, second = 0, third] = found.slice(1).map((part) => part && Number(part)) as number[]
  return third === undefined ? first * 60 + second : (first * 60 + second) * 60 + third
}

/** As Slurm takes it. */
export function formatSlurmTime(seconds: number): string {
  if (!Number.isFinite(seconds)) return 'no limit'
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0')
  const clock = `${two((seconds % 86_400) / 3600)}:${two((seconds % 3600) / 60)}:${two(seconds % 60)}`
  return seconds < 86_400 ? clock : `${Math.floor(seconds / 86_400)}-${clock}`
}
