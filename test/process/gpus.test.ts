import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { findGpus, gpuEnvironment } from '#shared/process/gpus.ts'

const folders: string[] = []
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true })
})

/** An environment in whose PATH the tools print this. */
function machine(tools: Record<string, string>, more: Record<string, string> = {}): Record<string, string> {
  const folder = mkdtempSync(join(tmpdir(), 'qubus-gpus-'))
  folders.push(folder)
  for (const [name, script] of Object.entries(tools))
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  return { PATH: `${folder}:/usr/bin:/bin`, ...more }
}

const TWO = { 'nvidia-smi': 'echo 0; echo 1' }
const ROCM = { 'rocm-smi': `echo '{"card0": {"Device ID": "0x740f"}, "card1": {}, "system": {}}'` }

test('GPUs are those that the vendor’s tool lists', async () => {
  assert.deepEqual(await findGpus(machine(TWO)), { kind: 'nvidia', ids: ['0', '1'] })
  assert.deepEqual(await findGpus(machine(ROCM)), { kind: 'amd', ids: ['0', '1'] })
})

test('of these, only what the job may see', async () => {
  const seen = async (visible: string) =>
    (await findGpus(machine(TWO, { CUDA_VISIBLE_DEVICES: visible }))).ids
  assert.deepEqual(await seen('1'), ['1'])
  assert.deepEqual(await seen('GPU-8f6, MIG-2'), ['GPU-8f6', 'MIG-2'])
  assert.deepEqual(await seen(''), [])
  assert.deepEqual(await seen('-1'), [])
  assert.deepEqual((await findGpus(machine(ROCM, { ROCR_VISIBLE_DEVICES: '1' }))).ids, ['1'])
})

test('there are none where there is no tool, or it fails', async () => {
  const none = { kind: undefined, ids: [] }
  assert.deepEqual(await findGpus(machine({})), none)
  assert.deepEqual(await findGpus(machine({ 'nvidia-smi': 'echo 0; exit 9' })), none)
  assert.deepEqual(await findGpus(machine({ 'nvidia-smi': 'echo No devices were found' })), none)
  assert.deepEqual(await findGpus(machine({ 'rocm-smi': 'echo not JSON' })), none)
})

test('one who gets none is told so: a variable that is missing would mean all', () => {
  assert.deepEqual(gpuEnvironment('nvidia', ['1']), { CUDA_VISIBLE_DEVICES: '1' })
  assert.deepEqual(gpuEnvironment(undefined, []), {
    CUDA_VISIBLE_DEVICES: '',
    ROCR_VISIBLE_DEVICES: '',
    HIP_VISIBLE_DEVICES: '',
  })
})
