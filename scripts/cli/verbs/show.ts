/** `qubus show`: a run and its steps. */
import { connect } from '#shared/client/client.ts'
import { describeForm, titleOf } from '../error-form.ts'
import { EXIT } from '../exit-code.ts'
import { emit, print, say } from '../output.ts'
import { type RunView, viewRun } from '../run-view.ts'
import { painter, stateStyle } from '../terminal/colour.ts'
import { formatSeconds } from '../terminal/duration.ts'
import { printable, printableLines, shorten } from '../terminal/printable.ts'
import { renderTable } from '../terminal/table.ts'

export async function show(run: string, options: { json?: boolean }): Promise<number> {
  await using client = await connect()
  const view = await viewRun(client, run)
  if (options.json) emit(view)
  else showForPeople(view)
  return EXIT.done
}

function showForPeople(view: RunView): void {
  const paint = painter(process.stdout)
  const facts = [
    view.name === view.flow ? view.flow : `${view.name} (${view.flow})`,
    paint(stateStyle(view.state), view.state),
  ]
  if (view.seconds !== undefined) facts.push(formatSeconds(view.seconds))
  print(`${view.run}  ${facts.map((fact, i) => (i === 1 ? fact : printable(fact))).join(' · ')}`)
  if (view.waiting !== undefined) print(`waiting: ${printable(view.waiting)}`)
  if (view.error) print(printableLines(describeForm(view.error)))
  if (view.steps.length > 0) {
    print(
      renderTable({
        head: ['STEP', 'NAME', 'KIND', 'POOL', 'STATE', 'ATTEMPTS', 'WHERE', 'TOOK', ''],
        rows: view.steps.map((step) => [
          step.step,
          shorten(step.name, 40),
          step.kind,
          step.pool,
          step.state,
          step.attempts,
          [step.device, step.node, step.job].filter((each) => each !== undefined).join(' '),
          step.seconds === undefined ? '' : formatSeconds(step.seconds),
          shorten(step.error ? `${step.error.code}: ${titleOf(step.error)}` : (step.waiting ?? ''), 60),
        ]),
        right: [0, 5, 7],
        paint: (text, _, column) => (column === 4 ? paint(stateStyle(text), text) : text),
      }),
    )
  }
  if (view.note !== undefined) say(view.note)
}
