/** From callbacks to `for await`: what is pushed is kept until it is asked for. */

export type Channel<T> = Disposable &
  AsyncIterable<T> & {
    push(item: T): void
    /** Nothing more comes; what was pushed is still given. */
    end(): void
    onClose(act: () => void): void
  }

/** @param signal ends it as {@link Channel.end} does. */
export function channel<T>(signal?: AbortSignal): Channel<T> {
  let items: T[] = []
  let ended = false
  let wake: (() => void) | undefined
  const closers: Array<() => void> = []
  const end = (): void => {
    if (ended) return
    ended = true
    signal?.removeEventListener('abort', end)
    for (const close of closers) close()
    wake?.()
  }
  if (signal?.aborted) ended = true
  else signal?.addEventListener('abort', end, { once: true })
  return {
    push(item) {
      if (ended) return
      items.push(item)
      wake?.()
    },
    end,
    onClose(act) {
      if (ended) act()
      else closers.push(act)
    },
    async *[Symbol.asyncIterator]() {
      while (true) {
        const batch = items
        items = []
        yield* batch
        if (items.length > 0) continue
        if (ended) return
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
    [Symbol.dispose]: end,
  }
}
