/** A bundle once it is loaded in a thread or process: its tasks and flows. */
import { pathToFileURL } from 'node:url'
import { inspect } from 'node:util'
import { QubusError } from '../contract/errors.ts'
import { authorPlace, firstPlace } from '../flow/author-place.ts'
import type { FlowDefinition } from '../flow/flow.ts'
import type { Registry } from '../flow/registry.ts'

export type LoadedBundle = { registry: Registry; file: Record<string, unknown> }

/** Imports a bundle file. @throws QubusError `BUNDLE_FAILED` with file and line when its code throws while it loads. */
export async function loadBundle(path: string): Promise<LoadedBundle> {
  using _ = withAuthorsFrames()
  try {
    const module = (await orNever(import(pathToFileURL(path).href))) as Partial<LoadedBundle>
    if (!module.registry || !module.file) throw new Error('it is not a Qubus bundle')
    return module as LoadedBundle
  } catch (cause) {
    // Code may throw anything.
    const [what, stack] =
      cause instanceof Error ? [`${cause.name}: ${cause.message}`, cause.stack] : [inspect(cause), undefined]
    const [first, place = first] = [firstPlace(stack), authorPlace(stack)]
    const at = place === undefined ? '' : `${place}: `
    const within = first !== place && first?.includes('/node_modules/') ? ` (at ${first})` : ''
    throw new QubusError('BUNDLE_FAILED', `${at}the flow file failed while it was loaded: ${what}${within}`, {
      cause,
    })
  }
}

let loading = 0
let before = { sourceMaps: false, frames: 0 }
/** Through packages that import packages. */
const FRAMES = 50

// A module's map is kept only if maps are wanted when it is loaded; the program around may not want them.
function withAuthorsFrames(): Disposable {
  if (loading++ === 0) before = { sourceMaps: process.sourceMapsEnabled, frames: Error.stackTraceLimit }
  process.setSourceMapsEnabled(true)
  Error.stackTraceLimit = FRAMES
  return {
    [Symbol.dispose]() {
      if (--loading > 0) return
      process.setSourceMapsEnabled(before.sourceMaps)
      Error.stackTraceLimit = before.frames
    },
  }
}

// What waits for nothing that could still happen would end the process without a word.
function orNever<T>(promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onIdle = (): void => {
      const error = new Error('an await at its top level never comes to an end')
      // It is not here that it happened.
      error.stack = ''
      reject(error)
    }
    process.once('beforeExit', onIdle)
    promise.then(resolve, reject).finally(() => process.off('beforeExit', onIdle))
  })
}

/** The flow called `name`. @throws QubusError `UNKNOWN_FLOW` listing what there is. */
export function findFlow({ registry }: LoadedBundle, name: string): FlowDefinition {
  const found = registry.flows.get(name)
  if (found) return found
  const known = [...registry.flows.keys()].map((each) => JSON.stringify(each)).join(', ')
  throw new QubusError(
    'UNKNOWN_FLOW',
    `no flow ${JSON.stringify(name)} in the bundle; there is: ${known || 'none'}`,
  )
}

export type CheckedParams = { ok: true; value: unknown } | { ok: false; message: string }

/** Checks parameters with the flow's input schema, which may also fill in defaults. */
export async function validateParams(flow: FlowDefinition, params: unknown): Promise<CheckedParams> {
  const schema = flow.options.input
  if (schema === undefined) return { ok: true, value: params }
  const result = await schema['~standard'].validate(params)
  if (result.issues === undefined) return { ok: true, value: result.value }
  const issues = result.issues.map(({ path, message }) => {
    const at = path?.map((each) => String(typeof each === 'object' ? each.key : each)).join('.')
    return at ? `${at}: ${message}` : message
  })
  return {
    ok: false,
    message: `the parameters of flow ${JSON.stringify(flow.name)} don't fit: ${issues.join('; ')}`,
  }
}
