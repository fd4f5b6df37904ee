import type { TestProject } from "vitest/node";
import { buildWorker, simulatorSource } from "../../scripts/local/worker.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The bundled simulator; every test file runs one of its own from it. */
    simulatorScript: string;
  }
}

export default async function setup({ provide }: TestProject): Promise<void> {
  provide("simulatorScript", await buildWorker(simulatorSource));
}
