/** A real PostgreSQL: one server a test file, a fresh database for each that asks. */
import { Client } from 'pg'
import { type Postgres, startPostgres } from '#infra/postgres/start-postgres.ts'
import { atEndOfFile } from './leaks.ts'
import { tempHome } from './temp-home.ts'

export type TestDatabase = {
  [Symbol.asyncDispose](): Promise<void>
  /** With the password. */
  url: string
  name: string
}

let server: Promise<Postgres> | undefined
let count = 0

/**
 * A new, empty database, or a copy of `template` (by its name). Disposing of it fails when a connection to it is still
 * open: that is a leak.
 */
export async function withPostgres({
  template = 'template1',
}: {
  template?: string
} = {}): Promise<TestDatabase> {
  server ??= startForThisFile()
  const { url } = await server
  const name = `test_${process.pid}_${++count}`
  await query(url, `CREATE DATABASE ${name} TEMPLATE ${template}`)
  return {
    url: url.replace(/\/postgres$/, `/${name}`),
    name,
    async [Symbol.asyncDispose]() {
      const open = await openConnections(url, name)
      await query(url, `DROP DATABASE ${name} WITH (FORCE)`)
      if (open.length > 0)
        throw new Error(`${open.length} connections to the test database were left open: ${open.join('; ')}`)
    },
  }
}

async function startForThisFile(): Promise<Postgres> {
  const home = await tempHome()
  const postgres = await startPostgres({ home: home.path, sync: false })
  atEndOfFile(async () => {
    await postgres.stop()
    await home[Symbol.asyncDispose]()
  })
  return postgres
}

// A connection that was just closed may show for a moment longer.
async function openConnections(url: string, name: string): Promise<string[]> {
  for (let looks = 0; ; looks++) {
    const rows = await query(
      url,
      `SELECT application_name || ' ' || left(query, 60) AS what FROM pg_stat_activity WHERE datname = '${name}'`,
    )
    if (rows.length === 0 || looks === 50) return rows.map((row) => String(row.what))
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}
