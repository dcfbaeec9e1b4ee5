/** Spans of time: as people read them, and as they write them. */
import { QubusError } from '#shared/contract/errors.ts'

/** `0.4 ms`, `12 ms`, `1.25 s`, `3m 05s`, `2h 04m`, `3d 02h`. */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?'
  if (seconds < 0) return `-${formatSeconds(-seconds)}`
  if (seconds < 0.01) return `${(seconds * 1000).toFixed(1)} ms`
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`
  if (seconds < 59.95) return `${seconds < 9.995 ? seconds.toFixed(2) : seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${two(whole % 60)}s`
  const minutes = Math.floor(whole / 60)
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)}h ${two(minutes % 60)}m`
  const hours = Math.floor(minutes / 60)
  return `${Math.floor(hours / 24)}d ${two(hours % 24)}h`
}

/** How long ago `then` (Unix milliseconds) was. */
export function formatAge(then: number, now = Date.now()): string {
  const seconds = Math.max(0, Math.round((now - then) / 1000))
  return seconds < 60 ? `${seconds} s` : formatSeconds(seconds)
}

const UNITS = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 } as const

/**
 * Reads `90`, `90s`, `10m`, `1h30m`, `2d`: seconds.
 * @throws QubusError `INVALID_OPTION` naming the option.
 */
export function parseDuration(option: string, text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text)
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)]
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) {
    throw new QubusError(
      'INVALID_OPTION',
      `${option} ${JSON.stringify(text)} is not a span of time: write 30s, 10m, 2h or 1d`,
    )
  }
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * UNITS[unit as keyof typeof UNITS], 0)
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}
