/** Where everything lies under a home (`QUBUS_HOME`): the one list of its files and folders. */
import { join } from 'node:path'

export type HomePaths = ReturnType<typeof homePaths>

/** Paths only: nothing is made or read. */
export function homePaths(home: string) {
  const at = (...parts: string[]): string => join(home, ...parts)
  return Object.freeze({
    home,
    /** Where the broker of this home listens; no secrets. Present = a system was started here. */
    connection: at('connection.json'),
    /** Who supervises this home, on which host. */
    supervisor: at('supervisor.json'),
    /** One file a user, mode 0600: `{user, password}`. */
    credentials: at('credentials'),
    broker: at('broker'),
    brokerConfig: at('broker', 'nats-server.conf'),
    brokerStore: at('broker', 'jetstream'),
    brokerPort: at('broker', 'port'),
    brokerLog: at('logs', 'broker.log'),
    postgres: at('postgres'),
    postgresData: at('postgres', 'data'),
    postgresPort: at('postgres', 'port'),
    /** Working folders of jobs and tasks. */
    jobs: at('jobs'),
    /** Can be made again at any time. */
    cache: at('cache'),
    bundles: at('cache', 'bundles'),
    logs: at('logs'),
  })
}

/** The credentials file of one user of this home. */
export function credentialsFile(home: string, user: string): string {
  return join(homePaths(home).credentials, `${user}.json`)
}
