/** `qubus doctor`: checks this host, one thing after the other. */
import { readEnvironment } from '#shared/config/environment.ts'
import { CHECKS, type Finding } from '../doctor/checks.ts'
import { EXIT } from '../exit-code.ts'
import { emit, print } from '../output.ts'
import { type Paint, painter } from '../terminal/colour.ts'
import { printable } from '../terminal/printable.ts'

export async function doctor(options: { json?: boolean }): Promise<number> {
  const environment = readEnvironment()
  const paint = painter(process.stdout)
  let ok = true
  for (const { name, look } of CHECKS) {
    const finding = await look(environment).catch(
      (error: Error): Finding => ({ ok: false, found: error.message }),
    )
    ok &&= finding.ok
    if (options.json) emit({ check: name, ...finding })
    else {
      print(`${verdict(finding, paint)} ${name.padEnd(16)} ${printable(finding.found)}`)
      if (finding.advice !== undefined)
        print(`     ${' '.repeat(16)} ${paint('yellow', printable(finding.advice))}`)
    }
  }
  return ok ? EXIT.done : EXIT.failed
}

function verdict({ ok, advice }: Finding, paint: Paint): string {
  if (!ok) return paint('red', 'BAD ')
  return advice === undefined ? paint('green', 'ok  ') : paint('yellow', 'hm  ')
}
