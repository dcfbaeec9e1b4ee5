/** Tables for people: borders on a terminal, plain columns in a pipe. */
import Table from 'cli-table3'
import { printable } from './printable.ts'

export type Cell = string | number | undefined | null

export type TableOptions = {
  head: string[]
  rows: Cell[][]
  /** Columns of numbers, aligned right. */
  right?: number[]
  borders?: boolean
  /** Colours a cell after it was made printable. */
  paint?: (text: string, row: number, column: number) => string
}

/** The table as text with a line break at its end; without rows, its head alone. */
export function renderTable({ head, rows, right = [], borders = false, paint }: TableOptions): string {
  const columns = head.map((_, column) => (right.includes(column) ? 'right' : 'left'))
  const table = new Table({
    head,
    colAligns: columns as Array<'left' | 'right'>,
    style: {
      head: [],
      border: [],
      compact: true,
      ...(borders ? {} : { 'padding-left': 0, 'padding-right': 0 }),
    },
    ...(borders ? {} : { chars: PLAIN }),
  })
  rows.forEach((cells, row) => {
    table.push(
      cells.map((cell, column) => {
        const text = printable(cell === undefined || cell === null ? '' : String(cell))
        return paint === undefined ? text : paint(text, row, column)
      }),
    )
  })
  const text = table.toString()
  return `${borders ? text : text.replaceAll(/ +$/gm, '')}\n`
}

const PLAIN = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
}
