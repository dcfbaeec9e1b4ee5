/** A histogram of counts as SVG text. Outcomes in ascending order; Qiskit's bit order (rightmost = classical bit 0). */
export function histogramSvg(title: string, counts: Record<string, number>): string {
  const bars = Object.entries(counts).sort(([a], [b]) => a.localeCompare(b))
  const most = Math.max(1, ...bars.map(([, count]) => count))
  const width = 60 + bars.length * 48
  const drawn = bars.map(([outcome, count], i) => {
    const height = (count / most) * 160
    const x = 40 + i * 48
    return (
      `<rect x="${x}" y="${200 - height}" width="36" height="${height}" fill="#4c78a8"/>` +
      `<text x="${x + 18}" y="${195 - height}" text-anchor="middle">${count}</text>` +
      `<text x="${x + 18}" y="216" text-anchor="middle">${outcome}</text>`
    )
  })
  const name = title.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="230" font-family="sans-serif" font-size="10"><text x="8" y="14" font-size="12">${name}</text>${drawn.join('')}</svg>\n`
}
