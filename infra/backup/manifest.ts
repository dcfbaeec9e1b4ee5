/** What a backup holds: `manifest.json`, written last, so that a folder without one is no backup. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { QubusError } from '#shared/contract/errors.ts'
import { writePrivate } from '../process/private-file.ts'

export const FORMAT = 1
const MANIFEST = 'manifest.json'

const File = z.object({ file: z.string(), bytes: z.number(), sha256: z.string() })

export const StreamPart = File.extend({
  stream: z.string(),
  messages: z.number(),
  firstSequence: z.number(),
  lastSequence: z.number(),
  /** When the broker made it. */
  created: z.string(),
  /** As the broker gave it, for the broker that takes it back. */
  config: z.record(z.string(), z.unknown()),
  state: z.record(z.string(), z.unknown()),
})
export type StreamPart = z.infer<typeof StreamPart>

export const TablePart = File.extend({
  table: z.string(),
  columns: z.array(z.string()),
  rows: z.number(),
  /** What its identity columns give next. */
  identities: z.record(z.string(), z.number()),
})
export type TablePart = z.infer<typeof TablePart>

export const Manifest = z.object({
  format: z.number(),
  /** Of Qubus. */
  version: z.string(),
  /** When it was begun, in Unix milliseconds. */
  at: z.number(),
  /** Of the tables, in the order in which they were applied. */
  migrations: z.array(z.string()),
  tables: z.array(TablePart),
  streams: z.array(StreamPart),
  /** A run whose first record in `RUNS` comes after this one may have been asked for after the backup's moment. */
  runsBefore: z.number(),
})
export type Manifest = z.infer<typeof Manifest>

export function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  return writePrivate(join(folder, MANIFEST), `${JSON.stringify(manifest, null, 1)}\n`)
}

/** @throws QubusError `BACKUP_INVALID`: no backup, one of a newer format, or a file that is missing or damaged. */
export async function readManifest(folder: string): Promise<Manifest> {
  const text = await readFile(join(folder, MANIFEST), 'utf8').catch((cause: unknown) => {
    throw invalid(`${folder} holds no finished backup: it has no ${MANIFEST}`, cause)
  })
  const manifest = parse(text, folder)
  for (const part of [...manifest.tables, ...manifest.streams]) await check(folder, part)
  return manifest
}

function parse(text: string, folder: string): Manifest {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw invalid(`${join(folder, MANIFEST)} is damaged: it is not JSON`, cause)
  }
  const format = z.object({ format: z.number() }).safeParse(json)
  if (format.success && format.data.format > FORMAT)
    throw invalid(
      `${folder} is of format ${format.data.format}, this version reads up to ${FORMAT}: use the Qubus that made it, or a newer one`,
    )
  const parsed = Manifest.safeParse(json)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw invalid(`${join(folder, MANIFEST)} is damaged: ${issue?.path.join('.')}: ${issue?.message}`)
}

async function check(folder: string, { file, bytes, sha256 }: z.infer<typeof File>): Promise<void> {
  const path = join(folder, file)
  const size = (
    await stat(path).catch((cause: unknown) => {
      throw invalid(`${path} is missing`, cause)
    })
  ).size
  if (size !== bytes) throw invalid(`${path} is damaged: it has ${size} bytes, ${bytes} were written`)
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  if (hash.digest('hex') !== sha256)
    throw invalid(`${path} is damaged: its content has another SHA-256 than what was written`)
}

export function invalid(message: string, cause?: unknown): QubusError {
  return new QubusError('BACKUP_INVALID', message, { cause })
}
