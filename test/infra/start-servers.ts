/** Starts both servers as whoever runs this, and prints what they are. */
import { statSync } from 'node:fs'
import { Client } from 'pg'
import { findBroker } from '#infra/broker/find-broker.ts'
import { startBroker } from '#infra/broker/start-broker.ts'
import { startPostgres } from '#infra/postgres/start-postgres.ts'
import { readEnvironment } from '#shared/config/environment.ts'

const { home, cache } = readEnvironment()
await using broker = await startBroker({ home, binary: await findBroker({ cache }) })
await using postgres = await startPostgres({ home, cache, sync: false })
const client = new Client({ connectionString: postgres.url })
await client.connect()
const { rows } = await client.query('SELECT 1 AS one')
await client.end()
const owner = (pid: number) => statSync(`/proc/${pid}`).uid
process.stdout.write(
  `${JSON.stringify({ broker: owner(broker.pid), postgres: owner(postgres.pid), answer: rows[0].one })}\n`,
)
