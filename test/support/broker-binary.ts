/** The nats-server that tests use: looked for once a process. */
import { findBroker } from '#infra/broker/find-broker.ts'
import { readEnvironment } from '#shared/config/environment.ts'

let found: Promise<string> | undefined

export function brokerBinary(): Promise<string> {
  found ??= findBroker({ cache: readEnvironment().cache })
  return found
}
