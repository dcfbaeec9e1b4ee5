/** Counts of a circuit as bars. The bit order is the counts' own (rightmost = classical bit 0). */
import { printable } from './printable.ts'

export type HistogramOptions = {
  /** Characters a line may take. */
  width?: number
  /** Outcomes shown; the rest is summed up in one line. */
  rows?: number
  /** `outcome`: by bit string; `count`: the most frequent first. Default: by bit string while all fit. */
  sort?: 'outcome' | 'count'
}

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

/** One line an outcome: bit string, bar, count, share. */
export function renderHistogram(counts: Record<string, number>, options: HistogramOptions = {}): string {
  const entries = Object.entries(counts)
  const shots = entries.reduce((sum, [, count]) => sum + count, 0)
  if (shots === 0) return 'no counts\n'
  const limit = options.rows ?? 16
  const byCount = [...entries].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
  const shown = byCount.slice(0, limit)
  if ((options.sort ?? (entries.length <= limit ? 'outcome' : 'count')) === 'outcome')
    shown.sort(([a], [b]) => (a < b ? -1 : 1))
  const most = byCount[0]?.[1] ?? 1
  const label = Math.max(...shown.map(([outcome]) => outcome.length))
  const digits = Math.max(...shown.map(([, count]) => String(count).length))
  const room = Math.max(8, (options.width ?? 80) - label - digits - 12)
  const lines = shown.map(([outcome, count]) => {
    const share = `${((100 * count) / shots).toFixed(1)} %`
    return `${printable(outcome).padStart(label)} │${bar((count / most) * room).padEnd(room)} ${String(count).padStart(digits)} ${share.padStart(7)}`
  })
  const rest = byCount.slice(limit)
  if (rest.length > 0) {
    const sum = rest.reduce((total, [, count]) => total + count, 0)
    lines.push(`${rest.length} more outcomes: ${sum} of ${shots} shots`)
  }
  return `${lines.join('\n')}\n`
}

// What was seen at all has a visible bar.
function bar(length: number): string {
  const eighths = Math.max(1, Math.round(length * 8))
  return '█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8]
}
