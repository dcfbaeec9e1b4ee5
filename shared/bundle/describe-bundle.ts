/** What a bundle offers, and whether parameters fit: asked by the CLI and client before any work starts. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fillTemplate } from '../flow/template.ts'
import { writeBundle } from './bundle-cache.ts'
import type { Bundle } from './bundle-flow-file.ts'
import { findFlow, type LoadedBundle, loadBundle, validateParams } from './loaded-bundle.ts'

export type BundledFlow = { name: string; export?: string; isDefault: boolean; timeoutSeconds?: number }
export type BundleDescription = { flows: BundledFlow[] }

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
  return { flows }
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
