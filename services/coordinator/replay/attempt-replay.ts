/**
 * One attempt of a flow, run again in this process. It is given what the log holds one item at a time, the next one when
 * all that follows from the one before has happened: so it also comes to the same where calls of one moment are cut off.
 */
import { authorPlace } from '#shared/flow/author-place.ts'
import { packItems, unpackSteps } from '../thread/compact.ts'
import { FlowHost } from '../thread/flow-host.ts'
import { place } from '../thread/flow-place.ts'
import type { FromThread, LogItem, WantedRange, WantedStep } from '../thread/protocol.ts'
import { valueAt } from '../thread/range.ts'
import { stepDigest } from '../thread/step-digest.ts'
import {
  type Call,
  cameFromOutside,
  oneMoreStep,
  otherEnd,
  otherStep,
  waitsFor,
  waitsForNothing,
} from './differences.ts'
import type { RecordedAttempt, RecordedEnd, RecordedRun } from './recorded-run.ts'
import type { Difference, ReplayOptions } from './replay-run.ts'

// Taken before flow code is kept from them.
const nextTurn = setImmediate
const later = setTimeout

type Outcome = Extract<LogItem, { kind: 'outcome' }>
type Asked = Pick<WantedStep, 'step' | 'kind' | 'name' | 'label' | 'digest' | 'value'>

/** How long the flow may be on its way to a step (an `import()` takes real time), in looks of 50 ms: a debugger may stop us for as long as it likes. */
const LOOKS = { atAnEnd: 40, atAStep: 6 }
const LOOK_MS = 50
/** Places in the code that are kept at once: each takes as much memory as all the rest of a step. */
const MOST_SITES = 20_000

export class AttemptReplay implements Disposable {
  difference: Difference | undefined
  end: RecordedEnd | undefined
  /** The last step that was asked for. */
  steps: number
  readonly #recorded: RecordedRun
  readonly #attempt: RecordedAttempt
  readonly #options: ReplayOptions
  readonly #items: LogItem[]
  readonly #outcomes = new Map<number, Outcome>()
  readonly #host: FlowHost
  readonly #key: string
  readonly #sites = new Map<number, Error>()
  /** Asked for, with no outcome in the log. */
  readonly #open = new Map<number, Call>()
  readonly #ranges: { first: number; count: number; cut: boolean }[] = []
  #last: Call | undefined
  #marks = 0
  #reached = 0
  #started = false
  #changed: (() => void) | undefined

  constructor(recorded: RecordedRun, attempt: RecordedAttempt, options: ReplayOptions) {
    this.#recorded = recorded
    this.#attempt = attempt
    this.#options = options
    this.#items = givenBeforeTheEnd(attempt)
    this.#key = `${recorded.run}#${attempt.attempt}`
    this.steps = attempt.base
    for (const item of this.#items)
      if (item.kind === 'outcome' && !this.#outcomes.has(item.step)) this.#outcomes.set(item.step, item)
    this.#host = new FlowHost({
      find: async () => {
        const definition = await options.find()
        return {
          ...definition,
          fn: (params) => {
            this.#started = true
            this.#changed?.()
            return definition.fn(params)
          },
        }
      },
      // It was the flow's code that said it; what follows from it is not.
      send: (message) => place.exit(() => this.#hear(message)),
      asked: (_key, step) => {
        if (this.#sites.size < MOST_SITES) this.#sites.set(step, siteOfCall())
      },
    })
  }

  async run(): Promise<void> {
    const { run, requested, params } = this.#recorded
    const { attempt, base } = this.#attempt
    this.#host.receive({
      type: 'start',
      key: this.#key,
      run,
      bundle: { file: '', flow: requested.flow },
      params,
      origin: requested.origin ?? { run, at: requested.acceptedAt },
      attempt,
      base,
    })
    await this.#until(() => this.#started)
    await new Promise((resolve) => nextTurn(resolve))
    for (const item of this.#items) {
      if (this.#over) return this.#judge()
      await this.#give(item)
      if (item.kind === 'cancel') for (const range of [...this.#ranges]) await this.#cut(range)
    }
    await this.#settle()
    this.#judge()
  }

  [Symbol.dispose](): void {
    this.#host.receive({ type: 'drop', key: this.#key })
  }

  get #over(): boolean {
    return this.end !== undefined || this.difference !== undefined
  }

  /** Resolves when the flow has taken it, and what follows from it has happened. */
  async #give(item: LogItem): Promise<void> {
    const mark = ++this.#marks
    this.#host.receive({ type: 'items', key: this.#key, items: packItems([item, { kind: 'mark', mark }]) })
    await this.#until(() => this.#reached >= mark)
    for (const range of [...this.#ranges]) if (range.cut && !this.#over) await this.#cut(range)
  }

  // Of what was stopped, those that had begun have outcomes in the log; the rest never will.
  async #cut(range: { first: number; count: number; cut: boolean }): Promise<void> {
    const { first, count } = range
    let recorded = 0
    for (let step = first; step < first + count; step++) {
      if (this.#outcomes.has(step)) recorded++
      else this.#open.delete(step)
    }
    this.#ranges.splice(this.#ranges.indexOf(range), 1)
    if (recorded < count) await this.#give({ kind: 'cut', first, count: recorded })
  }

  // All was given. What it asks for now, or how it ends, takes it no time but for what it imports.
  async #settle(): Promise<void> {
    for (let looks = 0; !this.#over; looks++) {
      const patience = this.#open.size > 0 ? LOOKS.atAStep : LOOKS.atAnEnd
      if (looks >= patience) return
      const before = this.steps
      await new Promise((resolve) => later(resolve, LOOK_MS))
      if (this.steps > before) looks = 0
      for (const range of [...this.#ranges]) if (range.cut && !this.#over) await this.#cut(range)
    }
  }

  #judge(): void {
    if (this.difference !== undefined) return
    const { end } = this
    const { end: recorded } = this.#attempt
    if (end?.error?.code === 'NON_DETERMINISTIC') {
      const { at = authorPlace(this.#last?.site?.stack), step } = (end.error.facts ?? {}) as {
        at?: string
        step?: number
      }
      this.difference = { message: end.error.message, at, step }
    } else if (recorded === undefined || cameFromOutside(recorded)) return
    else if (end !== undefined) this.difference = otherEnd(end, recorded, this.#last)
    else {
      const [open] = this.#open.values()
      this.difference = open === undefined ? waitsForNothing(this.#last, recorded) : waitsFor(open, recorded)
    }
  }

  #hear(message: FromThread): void {
    if (this.difference !== undefined) return
    switch (message.type) {
      case 'steps':
        for (const step of unpackSteps(message.steps)) this.#ask(step, this.#siteOf(step.step))
        break
      case 'range':
        this.#askRange(message.range)
        break
      case 'stop-range': {
        const range = this.#ranges.find(({ first }) => first === message.first)
        if (range) range.cut = true
        break
      }
      case 'log':
        for (const line of message.lines) this.#options.onEvent?.({ type: 'log', line })
        break
      case 'end':
        this.end = message.end
        break
      case 'mark':
        this.#reached = message.mark
    }
    this.#changed?.()
  }

  #askRange({ first, count, kind, name, bytes, ends, apart }: WantedRange): void {
    if (!apart) this.#ranges.push({ first, count, cut: false })
    const packed = { bytes, ends: new Uint32Array(Uint8Array.from(ends).buffer) }
    const site = this.#siteOf(first)
    for (let i = 0; i < count; i++) {
      const value = valueAt(packed, i)
      const step = first + i
      const digest = stepDigest(kind, name, value)
      this.#ask(
        { step, kind, name, label: undefined, digest, value },
        apart && i > 0 ? this.#siteOf(step) : site,
      )
    }
  }

  #siteOf(step: number): Error | undefined {
    const site = this.#sites.get(step)
    this.#sites.delete(step)
    return site
  }

  #ask({ step, kind, name, label, digest, value }: Asked, site: Error | undefined): void {
    if (this.difference !== undefined) return
    const call: Call = { step, kind, name, value, site }
    const outcome = this.#outcomes.get(step)
    const recorded = outcome === undefined ? 'none' : outcome.digest === digest ? 'same' : 'other'
    const { end } = this.#attempt
    this.steps = Math.max(this.steps, step)
    this.#last = call
    this.#options.onEvent?.({
      type: 'step',
      step,
      kind,
      name,
      label,
      digest,
      recorded,
      ...(outcome === undefined ? {} : { state: outcome.state }),
      at: authorPlace(site?.stack),
    })
    if (outcome === undefined) {
      this.#open.set(step, call)
      if (end !== undefined && step > end.steps && !cameFromOutside(end))
        this.difference = oneMoreStep(call, end)
    } else if (recorded === 'other') this.difference = otherStep(call, outcome)
  }

  async #until(reached: () => boolean): Promise<void> {
    while (!reached() && !this.#over)
      await new Promise<void>((resolve) => {
        this.#changed = resolve
      })
  }
}

// A run that is ended from outside has its steps cancelled with the same words: its flow was not to see that.
function givenBeforeTheEnd({ items, end }: RecordedAttempt): LogItem[] {
  const why = cameFromOutside(end) ? end?.error?.message : undefined
  if (why === undefined) return items
  return items.filter(
    (item) => !(item.kind === 'outcome' && item.state === 'cancelled' && item.error?.message === why),
  )
}

/** His own may lie below many frames of ours. */
const FRAMES = 30

function siteOfCall(): Error {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = FRAMES
  const site = new Error()
  Error.stackTraceLimit = stackTraceLimit
  return site
}
