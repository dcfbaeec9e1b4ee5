/**
 * How much of a worker a task takes. Each shape of a pool has a queue of its own, so that a worker takes only what it
 * has room for, and a large task never stands in the way of small ones.
 */

/** `memoryMiB` and `gpus` are 0 where the task asks for none. */
export type Shape = { cores: number; memoryMiB: number; gpus: number }

/** One core and nothing else: what a task is that says nothing. */
export const PLAIN_SHAPE = 'c1'

const TOKEN = /^c([1-9]\d{0,4})(?:m([1-9]\d{0,7}))?(?:g([1-9]\d{0,3}))?$/
const LEAST_MIB = 64

/** The shape as a token of a subject. Memory is rounded up to a power of two, so that few queues come of many sizes. */
export function shapeToken({ cores, memoryMiB, gpus }: Shape): string {
  const memory = memoryMiB > 0 ? `m${2 ** Math.ceil(Math.log2(Math.max(LEAST_MIB, memoryMiB)))}` : ''
  return `c${cores}${memory}${gpus > 0 ? `g${gpus}` : ''}`
}

/** Undefined for what is no shape. */
export function parseShape(token: string): Shape | undefined {
  const found = TOKEN.exec(token)
  if (found === null) return undefined
  const [, cores, memory = '0', gpus = '0'] = found
  return { cores: Number(cores), memoryMiB: Number(memory), gpus: Number(gpus) }
}
