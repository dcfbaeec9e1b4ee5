import {
  applyControlled,
  applyExchange,
  applyPhase,
  type ControlledStep,
  type ExchangeStep,
  type PhaseStep,
} from './apply-controlled.ts'
import { applyDense, type DenseStep } from './apply-dense.ts'
import { applyProduct, type ProductStep } from './apply-product.ts'

export type KernelStep = ProductStep | DenseStep | ControlledStep | ExchangeStep | PhaseStep

/** Applies one gate to the first `size` amplitudes, in place. */
export function applyStep(re: Float64Array, im: Float64Array, size: number, step: KernelStep): void {
  switch (step.kind) {
    case 'product':
      return applyProduct(re, im, size, step)
    case 'dense':
      return applyDense(re, im, size, step)
    case 'controlled':
      return applyControlled(re, im, size, step)
    case 'exchange':
      return applyExchange(re, im, size, step)
    case 'phase':
      return applyPhase(re, im, size, step)
  }
}
