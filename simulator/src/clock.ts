/** How the simulated time relates to the machine's: an offset, or standing still at one instant. */
export type ClockSetting = { readonly offsetMilliseconds: number } | { readonly frozenAt: number };

/** The simulated time, in epoch milliseconds. */
export function simulatedNow(setting: ClockSetting | undefined, machineNow: number): number {
  if (setting === undefined) return machineNow;
  return "frozenAt" in setting ? setting.frozenAt : machineNow + setting.offsetMilliseconds;
}

export const hourMilliseconds = 3_600_000;

/** The start of the UTC hour that a time is in. */
export const hourOf = (time: number): number => Math.floor(time / hourMilliseconds) * hourMilliseconds;

/** A time as the control plane shows it. */
export const iso = (time: number): string => new Date(time).toISOString();
