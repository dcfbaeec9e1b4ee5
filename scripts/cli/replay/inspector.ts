/** A debugger for the flow: Node's own, so that any editor or browser that debugs Node can be attached. */
import inspector from 'node:inspector'
import { isIP } from 'node:net'
import { QubusError } from '#shared/contract/errors.ts'
import type { FlowDefinition } from '#shared/flow/flow.ts'

export type Address = { host: string; port: number }

const LOOPBACK = '127.0.0.1'
const PORT = 9229

/** `true`, `9230`, `host:9230` or `[::1]:9230`; port 0 is any that is free. @throws QubusError `INVALID_OPTION`. */
export function parseAddress(text: string | true): Address {
  if (text === true) return { host: LOOPBACK, port: PORT }
  const [, v6, name, digits = ''] =
    /^(?:\[([\da-f:.]+)\]|([^\s:[\]]*)):(\d{1,5})$/i.exec(/^\d+$/.test(text) ? `:${text}` : text) ?? []
  const host = v6 ?? (name || LOOPBACK)
  const port = Number(digits)
  if (digits === '' || port > 65_535 || (v6 !== undefined && isIP(v6) !== 6))
    throw new QubusError(
      'INVALID_OPTION',
      `--inspect ${JSON.stringify(text)}: write --inspect, --inspect=9230 or --inspect=HOST:PORT`,
    )
  return { host, port }
}

export function isLoopback({ host }: Address): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

/** Where a debugger attaches to. @throws QubusError `INVALID_OPTION` when the port is taken. */
export function openInspector({ host, port }: Address): string {
  inspector.open(port, host)
  const url = inspector.url()
  if (url === undefined)
    throw new QubusError(
      'INVALID_OPTION',
      `--inspect: ${host}:${port} can't be listened on: write another port, such as --inspect=0`,
    )
  return url
}

/** Blocks until one is attached and lets us go on. */
export function waitForDebugger(): void {
  inspector.waitForDebugger()
}

/** Lets go of the debugger: Node would not end while one is attached. */
export function closeInspector(): void {
  inspector.close()
}

/** The same flow, but for a stop right before its first line. */
export function stoppedAtStart(definition: FlowDefinition): FlowDefinition {
  const flow = definition.fn
  return {
    ...definition,
    fn(params) {
      // Step into the call below: it is the function of your flow.
      // biome-ignore lint/suspicious/noDebugger: that is what --inspect is for
      debugger
      return flow(params)
    },
  }
}
