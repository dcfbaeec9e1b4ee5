/** Name templates: `tutorial-{n}` with the values of what is named. */

/**
 * Replaces `{0}` by the first argument, `{key}` by a field of the first argument, and `{date}` (unless it is a field)
 * by today's date. What is not there stays as it is written.
 */
export function fillTemplate(template: string, args: readonly unknown[], now: number = Date.now()): string {
  const first = args[0]
  const fields = typeof first === 'object' && first !== null ? (first as Record<string, unknown>) : {}
  return template
    .replaceAll(/\{([^{}]+)\}/g, (whole, key: string) => {
      const value = /^\d+$/.test(key)
        ? args[Number(key)]
        : Object.hasOwn(fields, key)
          ? fields[key]
          : undefined
      if (value !== undefined) return typeof value === 'object' ? JSON.stringify(value) : String(value)
      return key === 'date' ? new Date(now).toISOString().slice(0, 10) : whole
    })
    .slice(0, 200)
}
