import { readdirSync, readFileSync } from "node:fs";
import type { RunningWorker } from "./worker.ts";

/** A Worker with the operating system's process that it runs in. */
export interface Process {
  readonly worker: RunningWorker;
  readonly pid: number;
}

/** Processes that this one has started and that run. */
function children(): number[] {
  return readdirSync(`/proc/${process.pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${process.pid}/task/${task}/children`, "utf8")
      .split(" ")
      .filter((pid) => pid !== "")
      .map(Number),
  );
}

/** Starts a Worker and finds out which process it is. Not two at once. */
export async function startProcess(start: () => Promise<RunningWorker>): Promise<Process> {
  const before = new Set(children());
  const worker = await start();
  const pid = children().find((child) => !before.has(child) && commandOf(child).includes("workerd"));
  if (pid === undefined) throw new Error("no process of workerd was started");
  return { worker, pid };
}

/** Kills a Worker as a machine that loses power does. */
export async function killProcess({ worker, pid }: Process): Promise<void> {
  process.kill(pid, "SIGKILL");
  await worker.stop();
}

const commandOf = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, "utf8");

/** Memory that a process holds, in MB. */
export function residentMegabytes(pid: number): number {
  const [, kilobytes = "0"] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) / 1024;
}
