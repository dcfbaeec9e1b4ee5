/** What `file.ts`, `file.ts#export`, `graph.yaml` or the name of a published or built-in flow stands for, checked with its parameters before any work. */
import { existsSync } from 'node:fs'
import type { Bundle, BundleDescription } from '../bundle/index.ts'
import { QubusError } from '../contract/errors.ts'
import { GRAPH_FLOW, isGraphFile, readGraphFile } from './graph-file.ts'

export type PreparedFlow = {
  flow: string
  /** Of this run, from the flow's template. */
  name: string
  /** None for a flow that is known by its name. */
  bundle?: Bundle
  params: unknown
}

/** @throws QubusError `BUNDLE_FAILED`, `UNKNOWN_FLOW` or `INVALID_INPUT`. */
export async function prepareFlow(wanted: string, params: unknown): Promise<PreparedFlow> {
  if (isGraphFile(wanted)) return { flow: GRAPH_FLOW, ...(await readGraphFile(wanted, params)) }
  const { file, exported } = splitTarget(wanted)
  if (!isFileTarget(file)) {
    if (exported !== undefined) throw new QubusError('BUNDLE_FAILED', `${file}: there is no such file`)
    return { flow: file, name: file, params }
  }
  const { bundleFlowFile, checkParams, describeBundle } = await import('../bundle/index.ts')
  const bundle = await bundleFlowFile(file)
  const description = await describeBundle(bundle)
  const chosen = description.flows.find((flow) =>
    exported === undefined || exported === 'default' ? flow.isDefault : flow.export === exported,
  )
  if (chosen === undefined) throw noSuchFlow(file, exported, description)
  const checked = await checkParams(bundle, chosen.name, params)
  if (!checked.ok) throw new QubusError('INVALID_INPUT', checked.message)
  return { flow: chosen.name, name: checked.name, bundle, params }
}

function noSuchFlow(
  file: string,
  exported: string | undefined,
  { flows, others = {} }: BundleDescription,
): QubusError {
  const names = flows.flatMap((flow) => (flow.export === undefined ? [] : [`${file}#${flow.export}`]))
  const found = others[exported ?? 'default']
  const missing =
    found !== undefined
      ? `exports ${found} as ${exported === undefined ? 'its default' : JSON.stringify(exported)}, which is no flow`
      : exported === undefined
        ? 'exports no flow as its default'
        : `exports no flow named ${JSON.stringify(exported)}`
  const advice =
    names.length > 0
      ? `write one of: ${names.join(', ')}`
      : flows.length > 0
        ? `it exports none of its flows by name: export default flow(${JSON.stringify(flows[0]?.name)}, …)`
        : "write: export default flow('name', async (params) => { … })"
  return new QubusError('UNKNOWN_FLOW', `${file} ${missing}; ${advice}`)
}

/** `path/flow.ts#name` → file and export; a `#` that is part of an existing file's name is left alone. */
export function splitTarget(wanted: string): { file: string; exported?: string } {
  const at = wanted.lastIndexOf('#')
  if (at < 0 || existsSync(wanted)) return { file: wanted }
  return { file: wanted.slice(0, at), exported: wanted.slice(at + 1) || 'default' }
}

/** Whether what stands before `#` means a file, and not the name of a flow. */
export function isFileTarget(name: string): boolean {
  return (
    /[\\/]/.test(name) || /\.[cm]?[jt]sx?$/.test(name) || (existsSync(name) && !/^[A-Za-z0-9_-]+$/.test(name))
  )
}
