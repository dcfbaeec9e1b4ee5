import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ERRORS } from '#shared/contract/errors.ts'

test('the README tells of every error code what it means, and of no other', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const section = readme.slice(readme.indexOf('\n## Errors'), readme.indexOf('\n## Security'))
  const rows = [...section.matchAll(/^\| `(\w+)` \| (\w+) \| (.+) \|$/gm)].map(([, code, kind, means]) => ({
    code,
    kind,
    means,
  }))
  const expected = Object.entries(ERRORS).map(([code, { kind, means }]) => ({ code, kind, means }))
  assert.deepEqual(rows, expected)
})
