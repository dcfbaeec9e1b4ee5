/** What this worker has to give to tasks: cores, memory and GPUs, each to one task at a time. */
import { parseShape, type Shape } from '#shared/contract/shape.ts'

/** `gpus` are their ids, as the variables that make them visible want them. */
export type Stock = { cores: number; memoryMiB: number; gpus: readonly string[] }

/** What one task, or several that run one after the other, may use. */
export type Grant = { shape: Shape; gpus: readonly string[] }

export class Resources {
  readonly #all: Stock
  #cores: number
  #memoryMiB: number
  #gpus: string[]

  constructor(all: Stock) {
    this.#all = all
    this.#cores = all.cores
    this.#memoryMiB = all.memoryMiB
    this.#gpus = [...all.gpus]
  }

  /** What is free now. */
  get free(): Shape {
    return { cores: this.#cores, memoryMiB: this.#memoryMiB, gpus: this.#gpus.length }
  }

  get all(): Shape {
    return { cores: this.#all.cores, memoryMiB: this.#all.memoryMiB, gpus: this.#all.gpus.length }
  }

  /** Takes what the shape asks for, unless it is not there. */
  take(shape: Shape): Grant | undefined {
    if (fitting(shape, this.free) < 1) return undefined
    this.#cores -= shape.cores
    this.#memoryMiB -= shape.memoryMiB
    return { shape, gpus: this.#gpus.splice(0, shape.gpus) }
  }

  give({ shape, gpus }: Grant): void {
    this.#cores += shape.cores
    this.#memoryMiB += shape.memoryMiB
    this.#gpus.unshift(...gpus)
    // The same one first again, so that what it has loaded is of use.
    this.#gpus.sort((a, b) => this.#all.gpus.indexOf(a) - this.#all.gpus.indexOf(b))
  }
}

/** How many of the shape there is room for. */
export function fitting({ cores, memoryMiB, gpus }: Shape, room: Shape): number {
  const by = [Math.floor(room.cores / cores)]
  if (memoryMiB > 0) by.push(Math.floor(room.memoryMiB / memoryMiB))
  if (gpus > 0) by.push(Math.floor(room.gpus / gpus))
  return Math.max(0, Math.min(...by))
}

/** What is left of `room` when one of the shape is kept free; never less than nothing. */
export function without(room: Shape, shape: Shape): Shape {
  return {
    cores: Math.max(0, room.cores - shape.cores),
    memoryMiB: Math.max(0, room.memoryMiB - shape.memoryMiB),
    gpus: Math.max(0, room.gpus - shape.gpus),
  }
}

/** @throws Error for what is no shape: a queue has one. */
export function shapeOfQueue(token: string): Shape {
  const shape = parseShape(token)
  if (shape === undefined) throw new Error(`${token} is no shape`)
  return shape
}
