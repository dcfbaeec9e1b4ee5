/** What the log holds, given to the flow one at a time: each in a turn of its own, so that all that follows from one has happened before the next. */
import type { LogItem } from './protocol.ts'

// Taken before flow threads replace them. Immediates that are set together run in one round of the event loop, each
// followed by the micro-tasks that it caused.
const nextTurn = setImmediate
const later = setTimeout
const notLater = clearTimeout

type Outcome = Extract<LogItem, { kind: 'outcome' }>

export type DeliveriesOptions = {
  give(item: LogItem): void
  /** How many steps the flow has asked for: the number of the last one. */
  asked(): number
  /** The log holds an outcome of a step that the code has not asked for, and has not for long. */
  unasked(item: Outcome): void
}

/** How long the log may hold an outcome of a step that the code has not asked for, before that is an error. */
const UNASKED_MS = 2_000
const TURNS_AT_ONCE = 64

export class Deliveries {
  readonly #options: DeliveriesOptions
  #queue: LogItem[] = []
  #head = 0
  #turns = 0
  #waits: NodeJS.Timeout | undefined
  #stopped = false

  constructor(options: DeliveriesOptions) {
    this.#options = options
  }

  add(items: LogItem[]): void {
    for (const item of items) this.#queue.push(item)
    this.more()
  }

  /** The flow has asked for something: what waited for that may go on. */
  more(): void {
    if (this.#stopped) return
    const wanted = Math.min(TURNS_AT_ONCE, this.#queue.length - this.#head)
    while (this.#turns < wanted) {
      this.#turns++
      nextTurn(this.#turn)
    }
  }

  stop(): void {
    this.#stopped = true
    this.#queue = []
    this.#head = 0
    notLater(this.#waits)
  }

  // Whatever the code does before its first step comes before the first delivery.
  readonly #turn = (): void => {
    this.#turns--
    const item = this.#queue[this.#head]
    if (item === undefined || this.#stopped || this.#mustWait(item)) return
    this.#head++
    if (this.#head === this.#queue.length || this.#head > 4096) {
      this.#queue = this.#queue.slice(this.#head)
      this.#head = 0
    }
    this.#options.give(item)
    if (this.#turns === 0) this.more()
  }

  // The code may still be on its way to the step (a dynamic import takes real time); if it never asks, it has changed.
  #mustWait(item: LogItem): boolean {
    if (item.kind !== 'outcome' || item.step <= this.#options.asked()) {
      notLater(this.#waits)
      this.#waits = undefined
      return false
    }
    this.#waits ??= later(() => this.#options.unasked(item), UNASKED_MS)
    return true
  }
}
