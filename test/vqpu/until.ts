/** Waits for a condition. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  why: () => string,
  timeoutMs = 30_000,
): Promise<void> {
  const start = performance.now()
  while (!(await condition())) {
    if (performance.now() - start > timeoutMs) throw new Error(`waited ${timeoutMs} ms: ${why()}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
