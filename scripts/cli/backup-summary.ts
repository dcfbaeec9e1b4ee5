/** What a backup holds, for people and as JSON. */
import type { Manifest } from '#infra/backup/manifest.ts'
import { formatBytes } from './terminal/bytes.ts'

export type BackupSummary = {
  dir: string
  version: string
  at: string
  streams: { stream: string; messages: number; bytes: number }[]
  tables: { table: string; rows: number; bytes: number }[]
  bytes: number
  seconds: number
}

/** @param begun by `performance.now()`. */
export function backupSummary(dir: string, manifest: Manifest, begun: number): BackupSummary {
  const parts = [...manifest.streams, ...manifest.tables]
  return {
    dir,
    version: manifest.version,
    at: new Date(manifest.at).toISOString(),
    streams: manifest.streams.map(({ stream, messages, bytes }) => ({ stream, messages, bytes })),
    tables: manifest.tables.map(({ table, rows, bytes }) => ({ table, rows, bytes })),
    bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0),
    seconds: Math.round(performance.now() - begun) / 1000,
  }
}

export function summaryText({ streams, tables, bytes, seconds }: BackupSummary): string {
  const messages = streams.reduce((sum, each) => sum + each.messages, 0)
  const rows = tables.reduce((sum, each) => sum + each.rows, 0)
  return `${messages} messages and ${rows} rows (${formatBytes(bytes)}, ${seconds} s)`
}
