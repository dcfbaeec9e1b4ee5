import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLoopback, parseAddress } from '../../scripts/cli/replay/inspector.ts'

test('an address for a debugger is a port, or host and port, on loopback unless another host is named', () => {
  const cases: [string | true, string, number, boolean][] = [
    [true, '127.0.0.1', 9229, true],
    ['9230', '127.0.0.1', 9230, true],
    [':0', '127.0.0.1', 0, true],
    ['localhost:1', 'localhost', 1, true],
    ['[::1]:5', '::1', 5, true],
    ['0.0.0.0:7', '0.0.0.0', 7, false],
    ['127.example.org:7', '127.example.org', 7, false],
  ]
  for (const [text, host, port, loopback] of cases) {
    assert.deepEqual(parseAddress(text), { host, port })
    assert.equal(isLoopback({ host, port }), loopback, host)
  }
  for (const text of ['', 'x', '99999', '::1:5', 'a b:1', '[zz]:1', '-1'])
    assert.throws(() => parseAddress(text), { code: 'INVALID_OPTION' }, text)
})
