/** The broker's configuration as text: everything that Qubus relies on is said, nothing is left to a default. */
import { type BrokerUser, permissionsOf } from './permissions.ts'

export type BrokerConfig = {
  name: string
  host: string
  port: number
  storeDir: string
  logFile: string
  /** Bytes that all streams together may take. */
  maxFileBytes: number
  passwords: Record<BrokerUser, string>
}

/** Pure: the text of nats-server's configuration file. It holds passwords: mode 0600. */
export function brokerConfig({
  name,
  host,
  port,
  storeDir,
  logFile,
  maxFileBytes,
  passwords,
}: BrokerConfig): string {
  return `# Written by Qubus at every start: changes made here are lost.
server_name: ${quote(name)}
host: ${quote(host)}
port: ${port}
log_file: ${quote(logFile)}
logfile_size_limit: 16MB
logfile_max_num: 3
max_payload: 1MB
# A client that asks for much and reads slowly is cut off later than by default: feeds of large runs catch up.
write_deadline: "30s"
max_pending: 256MB
jetstream {
  store_dir: ${quote(storeDir)}
  # The default acknowledges before the data is on disk.
  sync_interval: always
  max_memory_store: 256MB
  max_file_store: ${maxFileBytes}
  max_buffered_size: 128MB
}
# No monitoring port, no system account for anybody, nobody without a password.
authorization {
  timeout: 5
  users: [
${(Object.keys(passwords) as BrokerUser[]).map((user) => userEntry(user, passwords[user])).join('\n')}
  ]
}
`
}

function userEntry(user: BrokerUser, password: string): string {
  const { publish, subscribe, answers } = permissionsOf(user)
  const responses = answers ? ', allow_responses: { max: 1000, expires: "5m" }' : ''
  return `    { user: ${quote(user)}, password: ${quote(password)}, permissions: {
      publish: { allow: [${publish.map(quote).join(', ')}] }, subscribe: { allow: [${subscribe.map(quote).join(', ')}] }${responses}
    } }`
}

// The configuration's strings know JSON's escapes.
function quote(text: string): string {
  return JSON.stringify(text)
}
