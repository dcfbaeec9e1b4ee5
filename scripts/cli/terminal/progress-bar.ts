/** How far a run is, redrawn in place on a terminal; in a pipe, a plain line when the figures changed enough. */
import { formatSeconds } from './duration.ts'

export type Progress = { requested: number; completed: number; failed: number; running: number }

export type ProgressBar = Disposable & {
  update(progress: Progress): void
  /** Writes `text` (whole lines) above the bar. */
  above(text: string): void
}

const REDRAW_MS = 80
const PLAIN_MS = 2_000
const CLEAR_LINE = '\r\u001b[2K'

/** @param label what is under way, such as the run's name. */
export function progressBar(
  stream: NodeJS.WriteStream,
  label: string,
  now: () => number = () => performance.now(),
): ProgressBar {
  return stream.isTTY ? new LiveBar(stream, label, now) : new PlainLines(stream, label, now)
}

/** `[████████░░░░] 12/20 · 3 running · 1 failed · 1.25 s` */
export function renderProgress(progress: Progress, seconds: number, width: number): string {
  const { requested, completed, failed, running } = progress
  const facts = [`${completed + failed}/${requested} steps`]
  if (running > 0) facts.push(`${running} running`)
  if (failed > 0) facts.push(`${failed} failed`)
  facts.push(formatSeconds(seconds))
  const text = facts.join(' · ')
  const room = Math.min(40, width - text.length - 3)
  if (room < 5) return text
  const done = requested === 0 ? 0 : Math.min(room, Math.floor((room * (completed + failed)) / requested))
  return `[${'█'.repeat(done)}${'░'.repeat(room - done)}] ${text}`
}

class LiveBar implements ProgressBar {
  readonly #stream: NodeJS.WriteStream
  readonly #label: string
  readonly #now: () => number
  readonly #start: number
  readonly #timer: NodeJS.Timeout
  #progress: Progress = { requested: 0, completed: 0, failed: 0, running: 0 }
  #drawnAt = 0

  constructor(stream: NodeJS.WriteStream, label: string, now: () => number) {
    this.#stream = stream
    this.#label = label
    this.#now = now
    this.#start = now()
    // The clock goes on while nothing happens.
    this.#timer = setInterval(() => this.#draw(), 1_000)
    this.#timer.unref()
    this.#draw()
  }

  update(progress: Progress): void {
    this.#progress = progress
    if (this.#now() - this.#drawnAt >= REDRAW_MS) this.#draw()
  }

  above(text: string): void {
    this.#stream.write(`${CLEAR_LINE}${text.endsWith('\n') ? text : `${text}\n`}`)
    this.#draw()
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    this.#stream.write(CLEAR_LINE)
  }

  #draw(): void {
    this.#drawnAt = this.#now()
    const width = (this.#stream.columns ?? 80) - 1
    const label = this.#label.length + 30 > width ? '' : `${this.#label} `
    const line = renderProgress(this.#progress, (this.#now() - this.#start) / 1000, width - label.length)
    this.#stream.write(`${CLEAR_LINE}${label}${line}`)
  }
}

class PlainLines implements ProgressBar {
  readonly #stream: NodeJS.WriteStream
  readonly #label: string
  readonly #now: () => number
  #saidAt = Number.NEGATIVE_INFINITY
  #said = ''

  constructor(stream: NodeJS.WriteStream, label: string, now: () => number) {
    this.#stream = stream
    this.#label = label
    this.#now = now
  }

  update({ requested, completed, failed, running }: Progress): void {
    if (requested === 0) return
    const text = `${this.#label}: ${completed + failed}/${requested} steps, ${running} running${failed > 0 ? `, ${failed} failed` : ''}\n`
    if (text === this.#said || this.#now() - this.#saidAt < PLAIN_MS) return
    this.#said = text
    this.#saidAt = this.#now()
    this.#stream.write(text)
  }

  above(text: string): void {
    this.#stream.write(text.endsWith('\n') ? text : `${text}\n`)
  }

  [Symbol.dispose](): void {}
}
