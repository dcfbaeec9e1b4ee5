/** Cases in which something was wrong once: each is played every time, before any others. */
import type { Case } from './simulate.ts'

const usual = { seed: 0, spread: 50, loss: 0, coordinators: 1, workers: 2, places: 1 }

/** Commands of the holder before failed while their steps waited for their turn in the next one: the run hung for ever. */
const failedBeforeItsTurn: Case = {
  ...usual,
  programs: [0, 1, 2].map(() => ({ do: 'many', n: 20, ms: 300, fails: 1 })),
  faults: [{ what: 'stop coordinator', at: 500, which: 0, forMs: 10 }],
}

/** The flow cancelled a step while the log was still read: nobody heard it. */
const cancelledWhileTakenOver: Case = {
  ...usual,
  programs: [{ do: 'cancelled', x: 1 }],
  spread: 8_000,
  faults: Array.from({ length: 6 }, (_, i) => ({
    what: 'stop coordinator',
    at: 5_000 + i * 7_000,
    which: 0,
    forMs: 10,
  })),
}

/** The broker was silent while a step was looked up in an earlier attempt: the run failed. */
const silentBroker: Case = {
  ...usual,
  programs: [0, 1, 2].map(() => ({ do: 'again', part: { do: 'many', n: 4, ms: 10, fails: 0 }, until: 16 })),
  loss: 0.1,
  faults: [],
}

/** A run was cancelled whose flow waited for a `map`: what was cut off was told before the cancellation, and the run completed. */
const cutBeforeCancelled: Case = {
  ...usual,
  programs: [{ do: 'map', n: 9, most: 9 }],
  faults: [0, 5, 10, 20, 40, 80].map((at) => ({ what: 'cancel run', at, which: 0, forMs: 0 })),
}

/** A request was being accepted when the lease was missed, and came again: one run was held twice, and took the turns of all. */
const frozenWhileAccepting: Case = {
  ...{ seed: 381137687, spread: 8_000, loss: 0, coordinators: 1, workers: 2, places: 2 },
  programs: [
    { do: 'again', part: { do: 'task', x: 4, ms: 1176, fails: 0, retries: 0, delay: 3 }, until: 1 },
    { do: 'child', part: { do: 'many', n: 12, ms: 1244, fails: 1 } },
    { do: 'many', n: 7, ms: 284, fails: 2 },
  ],
  faults: [{ what: 'freeze coordinator', at: 25_760, which: 1, forMs: 17_279 }],
}

/** The broker lost the commands of steps that ran, and their workers died too: nobody sent them again. */
const lostWhileItRan: Case = {
  ...{ ...usual, spread: 0, workers: 1, places: 3 },
  programs: [{ do: 'many', n: 3, ms: 9_000, fails: 0 }],
  faults: [
    { what: 'restart broker', at: 1_500, which: 0, forMs: 0 },
    { what: 'kill worker', at: 1_600, which: 0, forMs: 0 },
  ],
}

export const found: readonly Case[] = [
  lostWhileItRan,
  frozenWhileAccepting,
  failedBeforeItsTurn,
  cancelledWhileTakenOver,
  silentBroker,
  cutBeforeCancelled,
]
