/** What `file.ts`, `file.ts#export` or the name of a built-in flow stands for, checked with its parameters before any work. */
import { existsSync } from 'node:fs'
import type { Bundle } from '../bundle/index.ts'
import { QubusError } from '../contract/errors.ts'

export type PreparedFlow = {
  flow: string
  /** Of this run, from the flow's template. */
  name: string
  /** None for a built-in flow. */
  bundle?: Bundle
}

/** @throws QubusError `BUNDLE_FAILED`, `UNKNOWN_FLOW` or `INVALID_INPUT`. */
export async function prepareFlow(wanted: string, params: unknown): Promise<PreparedFlow> {
  const { file, exported } = splitTarget(wanted)
  if (!isFile(file)) {
    if (exported !== undefined) throw new QubusError('BUNDLE_FAILED', `${file}: there is no such file`)
    return { flow: file, name: file }
  }
  const { bundleFlowFile, checkParams, describeBundle } = await import('../bundle/index.ts')
  const bundle = await bundleFlowFile(file)
  const { flows } = await describeBundle(bundle)
  const chosen = flows.find((flow) =>
    exported === undefined || exported === 'default' ? flow.isDefault : flow.export === exported,
  )
  if (chosen === undefined) {
    const names = flows.flatMap((flow) => (flow.export === undefined ? [] : [`${file}#${flow.export}`]))
    const there = names.length === 0 ? 'it exports no flow by name' : `write one of: ${names.join(', ')}`
    const missing =
      exported === undefined
        ? 'exports no flow as its default'
        : `exports no flow named ${JSON.stringify(exported)}`
    throw new QubusError('UNKNOWN_FLOW', `${file} ${missing}; ${there}`)
  }
  const checked = await checkParams(bundle, chosen.name, params)
  if (!checked.ok) throw new QubusError('INVALID_INPUT', checked.message)
  return { flow: chosen.name, name: checked.name, bundle }
}

/** `path/flow.ts#name` → file and export; a `#` that is part of an existing file's name is left alone. */
export function splitTarget(wanted: string): { file: string; exported?: string } {
  const at = wanted.lastIndexOf('#')
  if (at < 0 || existsSync(wanted)) return { file: wanted }
  return { file: wanted.slice(0, at), exported: wanted.slice(at + 1) || 'default' }
}

function isFile(name: string): boolean {
  return (
    /[\\/]/.test(name) || /\.[cm]?[jt]sx?$/.test(name) || (existsSync(name) && !/^[A-Za-z0-9_-]+$/.test(name))
  )
}
