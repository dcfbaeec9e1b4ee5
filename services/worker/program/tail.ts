/** The last bytes of a stream of output. */
export type Tail = { add(chunk: Uint8Array): void; text(): string }

export function tailOf(limit: number): Tail {
  let chunks: Uint8Array[] = []
  let size = 0
  let cut = false
  return {
    add(chunk) {
      chunks.push(chunk)
      size += chunk.length
      if (size < limit * 2) return
      const all = Buffer.concat(chunks)
      chunks = [all.subarray(all.length - limit)]
      size = limit
      cut = true
    },
    text() {
      const all = Buffer.concat(chunks)
      const text = all.subarray(Math.max(0, all.length - limit)).toString('utf8')
      return cut || all.length > limit
        ? `[… cut: only the last ${limit} bytes are kept here …]\n${text}`
        : text
    },
  }
}
