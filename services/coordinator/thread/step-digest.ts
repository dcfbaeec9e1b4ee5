/** What tells one step from another: its kind, name and value. */
import { hash } from 'node:crypto'

const LENGTH = 22
const small = Buffer.allocUnsafeSlow(4096)
const short = Buffer.allocUnsafeSlow(LENGTH)

export function stepDigest(kind: string, name: string, value: Uint8Array): string {
  const whole = hash('sha256', digested(kind, name, value), 'base64url')
  // A copy: a slice would keep the whole, and a flow may wait for a hundred thousand steps.
  short.write(whole, 0, LENGTH, 'latin1')
  return short.toString('latin1', 0, LENGTH)
}

function digested(kind: string, name: string, value: Uint8Array): Uint8Array {
  const head = `${kind}\n${name}\n`
  if (head.length * 3 + value.length > small.length) return Buffer.concat([Buffer.from(head), value])
  const end = small.write(head)
  small.set(value, end)
  return small.subarray(0, end + value.length)
}
