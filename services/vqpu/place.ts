/** Where a host runs circuits: always as a device. */
import type { Place } from '#shared/actor/step-records.ts'

export type DevicePlace = Place & { device: string }
