/** PostgreSQL's own configuration as text. */

/** Pure: durable, on loopback, small; replaces what initdb wrote. */
export function postgresConfig(host: string, port: number): string {
  return `# Written by Qubus at every start: changes made here are lost.
listen_addresses = '${host}'
port = ${port}
unix_socket_directories = ''
password_encryption = 'scram-sha-256'
max_connections = 60
fsync = on
synchronous_commit = on
full_page_writes = on
shared_buffers = '64MB'
work_mem = '8MB'
maintenance_work_mem = '64MB'
max_wal_size = '512MB'
huge_pages = off
jit = off
max_parallel_workers_per_gather = 1
log_timezone = 'UTC'
timezone = 'UTC'
datestyle = 'iso, ymd'
default_text_search_config = 'pg_catalog.english'
log_line_prefix = '%m [%p] '
log_min_messages = 'warning'
log_checkpoints = off
`
}

/** Pure: who may connect, and how: over the loopback, with a password. */
export const HOST_BASED_ACCESS = `# Written by Qubus.
host all all 127.0.0.1/32 scram-sha-256
`
