/** What a bundle offers, and whether parameters fit: asked by the CLI and client before any work starts. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fillTemplate } from '../flow/template.ts'
import { writeBundle } from './bundle-cache.ts'
import type { Bundle } from './bundle-flow-file.ts'
import { inputSchemaOf } from './input-schema.ts'
import { findFlow, type LoadedBundle, loadBundle, validateParams } from './loaded-bundle.ts'

export type BundledFlow = { name: string; export?: string; isDefault: boolean; timeoutSeconds?: number }
export type BundleDescription = {
  flows: BundledFlow[]
  /** What it exports that is no flow, and what that is: `a function`. */
  others?: Record<string, string>
}

/** The flows of a bundle. @throws QubusError `BUNDLE_FAILED`. */
export async function describeBundle(bundle: Bundle): Promise<BundleDescription> {
  const loaded = await load(bundle)
  const exported = Object.entries(loaded.file)
  const flows = [...loaded.registry.flows.values()].map((definition): BundledFlow => {
    const names = exported
      .filter(([, value]) => (value as { definition?: unknown })?.definition === definition)
      .map(([name]) => name)
    const other = names.find((name) => name !== 'default')
    return {
      name: definition.name,
      isDefault: names.includes('default'),
      ...(other === undefined ? {} : { export: other }),
      ...(definition.options.timeoutSeconds === undefined
        ? {}
        : { timeoutSeconds: definition.options.timeoutSeconds }),
    }
  })
  const others = exported
    .filter(([, value]) => (value as { definition?: unknown } | null | undefined)?.definition === undefined)
    .map(([name, value]): [string, string] => [name, kindOf(value)])
  return { flows, ...(others.length === 0 ? {} : { others: Object.fromEntries(others) }) }
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

/** What each flow's parameters must be, by the flow's name, for those that say so. @throws QubusError `BUNDLE_FAILED`. */
export async function describeInputs(bundle: Bundle): Promise<Map<string, Record<string, unknown>>> {
  const { flows } = (await load(bundle)).registry
  const inputs = new Map<string, Record<string, unknown>>()
  for (const definition of flows.values()) {
    const schema = inputSchemaOf(definition)
    if (schema !== undefined) inputs.set(definition.name, schema)
  }
  return inputs
}

/** @throws QubusError `UNKNOWN_FLOW` or `BUNDLE_FAILED`. */
export async function checkParams(
  bundle: Bundle,
  flow: string,
  params: unknown,
): Promise<{ ok: true; name: string } | { ok: false; message: string }> {
  const definition = findFlow(await load(bundle), flow)
  const checked = await validateParams(definition, params)
  if (!checked.ok) return checked
  return { ok: true, name: fillTemplate(definition.options.runName ?? definition.name, [checked.value]) }
}

const loaded = new WeakMap<Bundle, Promise<LoadedBundle>>()

function load(bundle: Bundle): Promise<LoadedBundle> {
  let known = loaded.get(bundle)
  if (known === undefined) {
    known = loadOnce(bundle)
    loaded.set(bundle, known)
  }
  return known
}

async function loadOnce(bundle: Bundle): Promise<LoadedBundle> {
  const folder = await mkdtemp(join(tmpdir(), 'qubus-bundle-'))
  try {
    return await loadBundle(await writeBundle(join(folder, 'bundle.mjs'), bundle.bytes, bundle.sourceRoot))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
