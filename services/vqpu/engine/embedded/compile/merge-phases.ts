import type { KernelStep } from '../kernel/apply-step.ts'

/** Phases commute: within a run of them, those on the same qubits become one, or none where they cancel. */
export function mergePhases(steps: readonly KernelStep[]): KernelStep[] {
  const merged: KernelStep[] = []
  const run = new Map<number, { re: number; im: number }>()
  const endRun = () => {
    for (const [mask, { re, im }] of run) {
      if (Math.hypot(re - 1, im) > 1e-14) merged.push({ kind: 'phase', mask, re, im })
    }
    run.clear()
  }
  for (const step of steps) {
    if (step.kind === 'phase') {
      const { re, im } = run.get(step.mask) ?? { re: 1, im: 0 }
      run.set(step.mask, { re: re * step.re - im * step.im, im: re * step.im + im * step.re })
    } else {
      endRun()
      merged.push(step)
    }
  }
  endRun()
  return merged
}
