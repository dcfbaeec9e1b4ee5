import assert from 'node:assert/strict'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { bundleCache } from '#shared/bundle/bundle-cache.ts'
import { bundleFlowFile } from '#shared/bundle/bundle-flow-file.ts'
import { loadBundle } from '#shared/bundle/loaded-bundle.ts'
import { openBlobs } from '#shared/bus/blobs.ts'
import { BUILTIN_BUNDLE } from '#shared/contract/flow-request.ts'
import { atEndOfFile } from '../support/leaks.ts'
import { tempHome } from '../support/temp-home.ts'
import { withBroker } from '../support/with-broker.ts'
import { flowFolder } from './flow-files.ts'

const broker = await withBroker()
atEndOfFile(() => broker[Symbol.asyncDispose]())
const { nc } = await broker.connect('worker')

async function stored() {
  await using folder = await flowFolder()
  const bundle = await bundleFlowFile(
    await folder.write({ 'flow.ts': "import { flow } from 'qubus'\nexport default flow('f', () => 1)\n" }),
  )
  await openBlobs(nc).put(bundle.bytes)
  return bundle
}

test("a bundle is fetched once, into a folder that is nobody else's, and can be loaded", async () => {
  await using home = await tempHome()
  const { hash, sourceRoot } = await stored()
  const folder = join(home.path, 'bundles')
  let fetched = 0
  const blobs = openBlobs(nc)
  const counted = {
    ...blobs,
    get: (sha256: string) => {
      fetched++
      return blobs.get(sha256)
    },
  }
  const cache = bundleCache(counted, folder, '/builtin.mjs')
  const files = await Promise.all(Array.from({ length: 5 }, () => cache.fileOf(hash, sourceRoot)))
  assert.equal(new Set(files).size, 1)
  assert.equal(await bundleCache(counted, folder, '').fileOf(hash, sourceRoot), files[0])
  assert.equal(fetched, 1)
  assert.equal((await stat(folder)).mode & 0o777, 0o700)
  assert.equal((await stat(files[0]!)).mode & 0o777, 0o600)
  assert.deepEqual((await readdir(folder)).length, 1)
  assert.deepEqual([...(await loadBundle(files[0]!)).registry.flows.keys()], ['f'])
  assert.equal(await cache.fileOf(BUILTIN_BUNDLE, undefined), '/builtin.mjs')
})

test('the same bundle from two places is two files, each with its own sources', async () => {
  await using home = await tempHome()
  const { hash } = await stored()
  const cache = bundleCache(openBlobs(nc), home.path, '')
  const [a, b] = [await cache.fileOf(hash, '/home/a'), await cache.fileOf(hash, '/home/b')]
  assert.notEqual(a, b)
  assert.notEqual(await readFile(a, 'utf8'), await readFile(b, 'utf8'))
})

test('a bundle that is missing is asked for again later', async () => {
  await using home = await tempHome()
  const cache = bundleCache(openBlobs(nc), home.path, '')
  await using folder = await flowFolder()
  const late = await bundleFlowFile(
    await folder.write({ 'flow.ts': "import { flow } from 'qubus'\nexport default flow('late', () => 1)\n" }),
  )
  await assert.rejects(cache.fileOf(late.hash, undefined), { code: 'BLOB_MISSING' })
  await openBlobs(nc).put(late.bytes)
  assert.deepEqual(
    [...(await loadBundle(await cache.fileOf(late.hash, undefined))).registry.flows.keys()],
    ['late'],
  )
})
