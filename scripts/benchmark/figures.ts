/** Figures from samples, and how they are printed. */

export type Figure = { bench: string; value: number; unit: string; baseline?: number; ratio?: number }

export function quantile(samples: readonly number[], q: number): number {
  const sorted = [...samples].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
}

export function median(samples: readonly number[]): number {
  return quantile(samples, 0.5)
}

/** One line: for people, or a JSON object. */
export function printFigure({ bench, value, unit, baseline, ratio }: Figure, json: boolean): void {
  const short = (n: number): number => Number(n.toPrecision(4))
  if (json) {
    const line = {
      bench,
      value: short(value),
      unit,
      ...(baseline === undefined ? {} : { baseline: short(baseline) }),
      ...(ratio === undefined ? {} : { ratio: short(ratio) }),
    }
    console.log(JSON.stringify(line))
    return
  }
  const against =
    ratio === undefined
      ? ''
      : `   baseline ${short(baseline ?? Number.NaN)} ${unit}, ratio ${ratio.toFixed(2)}`
  console.log(`${bench.padEnd(48)} ${String(short(value)).padStart(9)} ${unit}${against}`)
}
