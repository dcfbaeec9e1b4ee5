/** The function that is replayed: the one that the run had, or that of a file as it is now. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeBundle } from '#shared/bundle/bundle-cache.ts'
import { bundleFlowFile, bundleGraph } from '#shared/bundle/bundle-flow-file.ts'
import { findFlow, type LoadedBundle, loadBundle } from '#shared/bundle/loaded-bundle.ts'
import { GRAPH_FLOW, isGraphFile, readGraphFile, readOpenGraph } from '#shared/client/graph-file.ts'
import { splitTarget } from '#shared/client/prepare-flow.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { BUILTIN_BUNDLE } from '#shared/contract/flow-request.ts'
import type { FlowDefinition } from '#shared/flow/flow.ts'
import { decodeValue, encodeValue } from '#shared/wire/value.ts'
import type { RecordedRun } from '../../../services/coordinator/replay/recorded-run.ts'
import type { RecordedCode } from './read-run.ts'

const BUILTIN = fileURLToPath(new URL('../../../services/coordinator/builtin/flows.ts', import.meta.url))

/** What to replay with: made before the run is read, loaded after. */
export type FlowCode = {
  /** For people. */
  readonly name: string
  /** Loads it; from then on it must not be loaded anew. @throws QubusError `BUNDLE_FAILED`, `UNKNOWN_FLOW`. */
  load(
    recorded: RecordedRun,
    code: RecordedCode | undefined,
  ): Promise<{ run: RecordedRun; flow: FlowDefinition }>
}

export const recordedCode: FlowCode = {
  name: 'the code that it had',
  async load(recorded, code) {
    const loaded = await (code === undefined ? loadBundle(BUILTIN) : loadBytes(code))
    return { run: recorded, flow: findFlow(loaded, recorded.requested.flow) }
  },
}

/** @param target `file.ts`, `file.ts#export` or `graph.yaml`. @throws QubusError `BUNDLE_FAILED`, `INVALID_INPUT`. */
export async function codeOfFile(target: string): Promise<FlowCode> {
  if (isGraphFile(target)) return codeOfGraph(target)
  const { file, exported } = splitTarget(target)
  const bundle = await bundleFlowFile(file)
  return {
    name: `${target} as it is now`,
    async load(recorded) {
      const loaded = await loadBytes(bundle)
      const { flow } = recorded.requested
      return {
        run: recorded,
        flow: exported === undefined ? findFlow(loaded, flow) : exportOf(loaded, exported, file),
      }
    },
  }
}

async function codeOfGraph(file: string): Promise<FlowCode> {
  const document = await readOpenGraph(file)
  return {
    name: `${file} as it is now`,
    async load(recorded) {
      const { flow, bundle } = recorded.requested
      if (bundle !== BUILTIN_BUNDLE) {
        const loaded = await loadBytes(await bundleGraph(document, dirname(resolve(file))))
        return { run: recorded, flow: exportOf(loaded, 'default', file) }
      }
      if (flow !== GRAPH_FLOW)
        throw new QubusError('UNKNOWN_FLOW', `the run is of flow ${JSON.stringify(flow)}, ${file} is a graph`)
      const given = decodeValue(recorded.params) as { params?: unknown }
      const { params } = await readGraphFile(file, given.params)
      return {
        run: { ...recorded, params: encodeValue({ ...given, ...params }, 'the graph') },
        flow: findFlow(await loadBundle(BUILTIN), flow),
      }
    },
  }
}

function exportOf({ file }: LoadedBundle, name: string, path: string): FlowDefinition {
  const found = (file[name] as { definition?: FlowDefinition } | null | undefined)?.definition
  if (found !== undefined) return found
  throw new QubusError('UNKNOWN_FLOW', `${path} exports no flow named ${JSON.stringify(name)}`)
}

async function loadBytes({ bytes, sourceRoot }: RecordedCode): Promise<LoadedBundle> {
  const folder = await mkdtemp(join(tmpdir(), 'qubus-replay-'))
  try {
    return await loadBundle(await writeBundle(join(folder, 'bundle.mjs'), bytes, sourceRoot))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
