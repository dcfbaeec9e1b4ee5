/** What a target is made of now, and whether it is the same as before; nothing of it is loaded. */
import { dirname, resolve } from 'node:path'
import { bundleFlowFile } from '#shared/bundle/index.ts'
import { isGraphFile, readOpenGraph } from '#shared/client/graph-file.ts'
import { isFileTarget, splitTarget } from '#shared/client/prepare-flow.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { type Snapshot, snapshot } from './file-changes.ts'

export type WatchedCode = {
  /** Taken before it was read: what changes meanwhile is seen. */
  files: Snapshot
  /** The same for the same code; none when it can't be read. */
  version?: string
  error?: unknown
}

/** @throws QubusError `INVALID_OPTION` when it is no file. */
export function assertWatchable(target: string): void {
  if (!isGraphFile(target) && !isFileTarget(splitTarget(target).file))
    throw new QubusError(
      'INVALID_OPTION',
      `--watch: ${target} is no file that could change: name the flow's file`,
    )
}

export async function readCode(target: string, known: Snapshot): Promise<WatchedCode> {
  const before = snapshot(known.keys())
  const seen = new Set<string>()
  const files = (more: Iterable<string> = []): Snapshot => {
    const wanted = new Set([...seen, ...more])
    return new Map([
      ...snapshot([...wanted].filter((path) => !before.has(path))),
      ...[...before].filter(([path]) => wanted.has(path)),
    ])
  }
  try {
    const version = isGraphFile(target)
      ? JSON.stringify(await readOpenGraph(target, seen))
      : (await bundleFlowFile(splitTarget(target).file, seen)).hash
    return { files: files(), version }
  } catch (error) {
    if (!(error instanceof QubusError)) throw error
    // What is missing may come under a name that is not known yet: the folders tell.
    return { files: files([...seen].map((path) => dirname(resolve(path)))), error }
  }
}
