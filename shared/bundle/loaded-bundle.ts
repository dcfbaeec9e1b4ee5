/** A bundle once it is loaded in a thread or process: its tasks and flows. */
import { pathToFileURL } from 'node:url'
import { inspect } from 'node:util'
import { QubusError } from '../contract/errors.ts'
import type { FlowDefinition } from '../flow/flow.ts'
import type { Registry } from '../flow/registry.ts'

export type LoadedBundle = { registry: Registry; file: Record<string, unknown> }

/** Imports a bundle file. @throws QubusError `BUNDLE_FAILED` when its code throws while it loads. */
export async function loadBundle(path: string): Promise<LoadedBundle> {
  try {
    const module = (await import(pathToFileURL(path).href)) as Partial<LoadedBundle>
    if (!module.registry || !module.file) throw new Error('it is not a Qubus bundle')
    return module as LoadedBundle
  } catch (cause) {
    // Code may throw anything.
    const what =
      cause instanceof Error ? `${cause.name}: ${cause.message}${whereIn(cause.stack)}` : inspect(cause)
    throw new QubusError('BUNDLE_FAILED', `the flow file failed while it was loaded: ${what}`, { cause })
  }
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

function whereIn(stack: string | undefined): string {
  const line = stack?.split('\n').find((each) => each.trimStart().startsWith('at '))
  return line === undefined ? '' : ` (${line.trim()})`
}
