/** One step an item: asked for all at once where the runtime can, or else a few at a time. */
import { CancelledError } from '../contract/errors.ts'
import { groupOf } from './group.ts'
import type { FlowContext, MapRequest, StepSink } from './runtime.ts'

/** The runtime gets all values in one request, and holds back what is too much at once. */
export function mapAtOnce<R>(
  flow: FlowContext,
  request: MapRequest,
  concurrency = Number.POSITIVE_INFINITY,
): Promise<R[]> {
  if (request.values.length === 0) return Promise.resolve([])
  return new Promise<R[]>((resolve, reject) => {
    const group = groupOf(flow)
    if (group?.failed) return reject(new CancelledError('another step of its group failed'))
    const plain: StepSink = { resolve: resolve as (value: unknown) => void, reject }
    let asked: { cancel(): void } | undefined
    const sink = group?.join(plain, () => asked?.cancel()) ?? plain
    const bounded = Number.isFinite(concurrency) ? { concurrency: Math.floor(concurrency) } : {}
    asked = flow.map?.({ ...request, ...bounded }, sink)
  })
}

export async function mapWith<T, R>(
  submit: (item: T) => Promise<R>,
  items: T[],
  concurrency = Number.POSITIVE_INFINITY,
): Promise<R[]> {
  if (concurrency >= items.length) return Promise.all(items.map(submit))
  const results = new Array<R>(items.length)
  let next = 0
  let failed = false
  const lane = async (): Promise<void> => {
    while (next < items.length && !failed) {
      const at = next++
      try {
        results[at] = await submit(items[at] as T)
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  await Promise.all(Array.from({ length: Math.floor(concurrency) }, lane))
  return results
}
