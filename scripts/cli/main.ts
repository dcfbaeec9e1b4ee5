/** The `qubus` command. */
import { CommanderError } from 'commander'
import { buildProgram } from './commands.ts'
import { describeError, errorForm } from './error-form.ts'
import { EXIT, exitCodeOf } from './exit-code.ts'
import { emit, flushed, say, surviveClosedPipes } from './output.ts'

surviveClosedPipes()
const code = await main(process.argv.slice(2))
await flushed()
process.exit(code)

async function main(argv: string[]): Promise<number> {
  const json = argv.includes('--json')
  let exit: number = EXIT.done
  const program = buildProgram((result) => {
    exit = result
  })
  try {
    await program.parseAsync(argv, { from: 'user' })
    return exit
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return EXIT.done
      if (json) emit({ error: { code: 'INVALID_OPTION', message: error.message.replace(/^error: /, '') } })
      return EXIT.usage
    }
    say(describeError(error))
    if (json) emit({ error: errorForm(error) })
    return exitCodeOf(error)
  }
}
