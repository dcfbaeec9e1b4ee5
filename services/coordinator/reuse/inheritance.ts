/**
 * What completed in an earlier attempt, or in the run that this one goes on from: a step that is asked for again with
 * the same name and arguments takes its outcome from there. Steps that are alike take theirs in the order of their numbers.
 */
import { batchedReads } from '#shared/bus/batched-reads.ts'
import { StepOutcome } from '#shared/contract/step-record.ts'
import { parseRecordSubject, record } from '#shared/contract/subjects.ts'
import { decode, unpack } from '#shared/wire/message.ts'
import type { RunStore } from '../run-store.ts'

/** The steps of `run` from `after + 1` to `upTo` are those of its last attempt. */
export type Ancestor = { run: string; after: number; upTo: number }

export type Inherited = { step: number; outcome: StepOutcome }

/** These belong to the run that had them, or are over: they are asked for anew. */
const NOT_FROM_ELSEWHERE = new Set(['vqpu', 'drain'])

export class Inheritance {
  readonly #ancestor: Ancestor
  readonly #completed = new Map<string, number[]>()
  /** Failed sub-flows, by what was asked for: they go on from where they failed. */
  readonly #failedFlows = new Map<string, number[]>()
  readonly #read: ReturnType<typeof batchedReads>

  private constructor(store: RunStore, ancestor: Ancestor) {
    this.#ancestor = ancestor
    this.#read = batchedReads((subjects) => store.last(...subjects))
  }

  /** @param same the ancestor is an earlier attempt of the very run, whose vQPUs live on. */
  static async read(store: RunStore, ancestor: Ancestor, same: boolean): Promise<Inheritance> {
    const inheritance = new Inheritance(store, ancestor)
    const drained = new Set<string>()
    const vqpus: { digest: string; step: number; device: string }[] = []
    for await (const page of store.read(ancestor.run)) {
      for (const { subject, data } of page) {
        const parsed = parseRecordSubject(subject)?.record
        if (parsed?.kind !== 'outcome' || parsed.step <= ancestor.after || parsed.step > ancestor.upTo)
          continue
        const { kind, name, digest, state, device } = unpack(data) as StepOutcome
        const { step } = parsed
        if (kind === 'flow' && state === 'failed') push(inheritance.#failedFlows, digest, step)
        if (state !== 'completed') continue
        if (kind === 'drain') drained.add(name.slice('drain '.length))
        if (kind === 'vqpu' && same) vqpus.push({ digest, step, device: device ?? '' })
        if (!NOT_FROM_ELSEWHERE.has(kind)) push(inheritance.#completed, digest, step)
      }
    }
    for (const { digest, step, device } of vqpus)
      if (!drained.has(device)) push(inheritance.#completed, digest, step)
    for (const steps of [...inheritance.#completed.values(), ...inheritance.#failedFlows.values()])
      steps.sort((a, b) => b - a)
    return inheritance
  }

  get run(): string {
    return this.#ancestor.run
  }

  /** Takes the next outcome of that digest: nobody gets it twice. */
  async take(digest: string): Promise<Inherited | undefined> {
    const step = this.#completed.get(digest)?.pop()
    if (step === undefined) return undefined
    const stored = await this.#read(record(this.#ancestor.run).outcome(step))
    return stored === undefined ? undefined : { step, outcome: decode(StepOutcome, stored.data) }
  }

  /** The step whose sub-flow failed there with these parameters. */
  takeFailedFlow(digest: string): number | undefined {
    return this.#failedFlows.get(digest)?.pop()
  }
}

function push(into: Map<string, number[]>, digest: string, step: number): void {
  const known = into.get(digest)
  if (known) known.push(step)
  else into.set(digest, [step])
}
