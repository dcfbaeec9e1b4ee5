/** The tables of result storage: out of one moment of Postgres, and into an empty database. */
import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runner } from 'node-pg-migrate'
import { Client } from 'pg'
import { QubusError } from '#shared/contract/errors.ts'
import { copyIn, copyOut } from './copy.ts'
import { invalid, type Manifest, type TablePart } from './manifest.ts'
import { openPrivateOutput } from './private-output.ts'

/** Results' own, which it applies at its start. */
const MIGRATIONS = fileURLToPath(new URL('../../services/results/migrations', import.meta.url))
const MIGRATIONS_TABLE = 'migrations'

/** @throws QubusError `UNREACHABLE`. */
export async function connectDatabase(url: string): Promise<Client & AsyncDisposable> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000, keepAlive: true })
  // A lost connection is seen by the next query; unheard, the event would end the process.
  client.on('error', () => {})
  await client.connect().catch((cause: Error) => {
    throw new QubusError('UNREACHABLE', `Postgres does not answer: ${cause.message}`, { cause })
  })
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() })
}

/** From here on `client` sees Postgres as it is now. */
export async function freeze(client: Client): Promise<void> {
  await client.query('begin isolation level repeatable read read only')
  await client.query('select')
}

export async function appliedMigrations(client: Client): Promise<string[]> {
  const there = await client.query('select to_regclass($1) is not null as there', [MIGRATIONS_TABLE])
  if (!there.rows[0]?.there) return []
  const { rows } = await client.query<{ name: string }>(`select name from ${MIGRATIONS_TABLE} order by id`)
  return rows.map(({ name }) => name)
}

/** Copies every table that holds something of ours into files under `folder`. */
export async function dumpTables(
  client: Client,
  folder: string,
  said: (table: string) => void,
): Promise<TablePart[]> {
  const parts: TablePart[] = []
  for (const table of await tables(client)) {
    said(table)
    const columns = await columnsOf(client, table)
    const file = join('tables', `${table}.copy`)
    const output = await openPrivateOutput(join(folder, file))
    try {
      const from = `select ${columns.map(({ name }) => quoted(name)).join(', ')} from ${quoted(table)}`
      const rows = await copyOut(client, `copy (${from}) to stdout (format binary)`, output.write)
      parts.push({
        table,
        columns: columns.map(({ name }) => name),
        rows,
        identities: await identitiesOf(client, table, columns),
        file,
        ...(await output.close()),
      })
    } catch (error) {
      await output.abandon().catch(() => {})
      throw error
    }
  }
  return parts
}

/**
 * Makes the tables as they were when the backup was made, and fills them, in one transaction; later migrations are
 * applied by results when it starts.
 * @throws QubusError `BACKUP_INVALID` when this version does not know one of them.
 */
export async function restoreTables(
  client: Client,
  folder: string,
  { migrations, tables: parts }: Manifest,
  said: (table: string) => void,
): Promise<void> {
  await migrateUpTo(client, migrations)
  await client.query('begin')
  for (const { table, columns, identities, file, rows } of parts) {
    said(table)
    await client.query(`truncate ${quoted(table)}`)
    const into = `${quoted(table)} (${columns.map(quoted).join(', ')})`
    const copied = await copyIn(
      client,
      `copy ${into} from stdin (format binary)`,
      createReadStream(join(folder, file), { highWaterMark: 256 * 1024 }),
    )
    if (copied !== rows) throw invalid(`${table}: ${copied} rows came back, ${rows} were written`)
    for (const [column, next] of Object.entries(identities))
      await client.query('select setval(pg_get_serial_sequence($1, $2), $3, false)', [
        quoted(table),
        column,
        next,
      ])
  }
  await client.query('commit')
  await client.query('analyze')
}

/** Whether there is anything in the database that is not Postgres' own. */
export async function isEmptyDatabase(client: Client): Promise<boolean> {
  return (await tables(client)).length === 0
}

/** @throws QubusError `BACKUP_INVALID` when `migrations` are not the first ones of this version. */
export async function checkMigrations(migrations: string[]): Promise<void> {
  const known = (await readdir(MIGRATIONS))
    .filter((name) => name.endsWith('.sql'))
    .map((name) => basename(name, '.sql'))
    .sort()
  const strange = migrations.find((name, i) => name !== known[i])
  if (strange !== undefined)
    throw invalid(
      `the backup's tables have the change ${strange}, which this version does not know: use the Qubus that made it, or a newer one`,
    )
}

async function migrateUpTo(client: Client, migrations: string[]): Promise<void> {
  if (migrations.length === 0) return
  const silent = (): void => {}
  await runner({
    dbClient: client,
    dir: MIGRATIONS,
    direction: 'up',
    count: migrations.length,
    migrationsTable: MIGRATIONS_TABLE,
    singleTransaction: true,
    logger: { debug: silent, info: silent, warn: silent, error: silent },
  })
}

async function tables(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select relname as name from pg_class
     where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p') and not relispartition
       and relname <> $1 order by relname`,
    [MIGRATIONS_TABLE],
  )
  return rows.map(({ name }) => name)
}

type Column = { name: string; identity: boolean }

async function columnsOf(client: Client, table: string): Promise<Column[]> {
  const { rows } = await client.query<Column>(
    `select attname as name, attidentity <> '' as identity from pg_attribute
     where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = '' order by attnum`,
    [quoted(table)],
  )
  return rows
}

// A sequence does not stand still for anybody's transaction: what it gives next is past all rows that were copied.
async function identitiesOf(
  client: Client,
  table: string,
  columns: Column[],
): Promise<Record<string, number>> {
  const found: Record<string, number> = {}
  for (const { name } of columns.filter(({ identity }) => identity)) {
    const { rows } = await client.query<{ sequence: string }>(
      'select pg_get_serial_sequence($1, $2) as sequence',
      [quoted(table), name],
    )
    const next = await client.query<{ next: string }>(
      `select last_value + 1 as next from ${rows[0]?.sequence}`,
    )
    found[name] = Number(next.rows[0]?.next)
  }
  return found
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
