import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { TaskFuture } from '#shared/flow/future.ts'
import { subFlow } from '#shared/flow/sub-flow.ts'
import type { sum } from '../fixtures/flows/published.ts'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

it('a sub-flow by name has the types that are written, or those of the flow itself', () => {
  const byFlow = subFlow<typeof sum>('sum')
  const byHand = subFlow<{ n: number }, string[]>('words')
  const open = subFlow('anything')
  const ofFlow: Same<ReturnType<typeof byFlow.run>, TaskFuture<{ total: number; label: string }>> = true
  const label: Same<Parameters<typeof byFlow.run>[0]['label'], string | undefined> = true
  const written: Same<
    typeof byHand.submit,
    (params: { n: number }, options?: Parameters<typeof byHand.run>[1]) => TaskFuture<string[]>
  > = true
  const unknown: Same<ReturnType<typeof open.run>, TaskFuture<unknown>> = true
  assert.ok(ofFlow && label && written && unknown)
})

it('a sub-flow needs a name, and a flow that asks for it', () => {
  assert.throws(() => subFlow(''), { code: 'INVALID_OPTION' })
  assert.throws(() => subFlow('sum').run({}), {
    code: 'INVALID_OPTION',
    message: /subFlow\("sum"\) was called outside of a flow/,
  })
})
