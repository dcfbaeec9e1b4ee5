/** Sizes as people write them: "512MB", "4 GiB". */

const SIZE = /^(\d+(?:\.\d+)?)\s*([KMGT]?)(i?)B?$/i

/** In bytes, as dask reads it: GB is 10^9, GiB is 2^30. Undefined for what is no size. */
export function parseByteSize(text: string): number | undefined {
  const found = SIZE.exec(text.trim())
  if (found === null) return undefined
  const [, number = '', unit = '', binary = ''] = found
  const power = ['', 'K', 'M', 'G', 'T'].indexOf(unit.toUpperCase())
  return Math.floor(Number(number) * (binary === '' ? 1000 : 1024) ** power)
}
