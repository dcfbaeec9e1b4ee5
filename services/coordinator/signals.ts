/** Signals for the runs of this coordinator: one feed for all who wait. */
import type { Actor } from '#shared/actor/actor.ts'
import type { Delivery } from '#shared/bus/delivery.ts'
import { type Feed, openFeed } from '#shared/bus/feed.ts'
import { changeSignal, readSignal, type SignalChange, type SignalPlace } from '#shared/bus/signals.ts'
import { SignalRecord } from '#shared/contract/signal.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { filter, subject } from '#shared/contract/subjects.ts'
import { decode } from '#shared/wire/message.ts'

export type Signals = {
  /** Makes the change once, whoever asks for it as `by`. */
  change(place: SignalPlace, change: SignalChange, by: string): Promise<void>
  /**
   * Tells of what the signal is now, and of every change that is heard of from then on (those that follow each other
   * closely may be told as one). Returns how to stop.
   */
  watch(place: SignalPlace, tell: (record: SignalRecord | undefined) => void): () => void
}

const AGAIN_MS = 1_000

export function openSignals(actor: Actor): Signals & Disposable {
  const { nc } = actor.bus
  const watchers = new Map<string, Set<(record: SignalRecord | undefined) => void>>()
  let feed: Feed | undefined
  const hear = (batch: Delivery[]): void => {
    for (const { subject: at, data } of batch) {
      const telling = watchers.get(at)
      if (telling === undefined) continue
      const record = decode(SignalRecord, data)
      for (const tell of [...telling]) tell(record)
    }
  }
  const look = async (
    place: SignalPlace,
    tell: (record: SignalRecord | undefined) => void,
    wanted: () => boolean,
  ) => {
    // What is published from the feed's begin on is heard: then the look misses nothing.
    await feed?.ready
    while (wanted()) {
      try {
        const { record } = await readSignal(nc, place)
        if (wanted()) tell(record)
        return
      } catch {
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
      }
    }
  }
  return {
    async change(place, change, by) {
      await changeSignal(nc, place, change, by, actor.stopping)
      actor.emit({
        noun: 'signal',
        verb: change.set ? 'set' : 'cleared',
        id: place.name,
        data: { scope: place.scope, by },
      })
    },
    watch(place, tell) {
      feed ??= openFeed(actor.bus, {
        stream: STREAM.signals,
        filters: [filter.signals],
        from: 'new',
        onBatch: hear,
      })
      const at = subject.signal(place.scope, place.name)
      const telling = watchers.get(at) ?? new Set()
      watchers.set(at, telling)
      telling.add(tell)
      void look(place, tell, () => telling.has(tell))
      return () => {
        telling.delete(tell)
        if (telling.size === 0) watchers.delete(at)
      }
    },
    [Symbol.dispose]: () => feed?.stop(),
  }
}
