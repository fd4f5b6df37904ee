import { inject } from "vitest";
import { runWorker, simulatorSource } from "../../scripts/local/worker.ts";

/** What the simulator knows a product's customer by. */
export interface Agreement {
  readonly agreementId: string;
  readonly accountId: string;
  readonly licenseArn: string;
  readonly customerIdentifier: string;
  readonly registrationToken: string;
}

/** One metering record in the simulated AWS's books. */
export interface BookedRecord {
  readonly region: string;
  readonly dimension: string;
  readonly timestamp: string;
  readonly quantity: number;
  readonly meteringRecordId: string;
}

/** The real simulator on real workerd, with its control plane. */
export interface Simulator {
  readonly url: string;
  /** One request to the control plane; rejects when it refuses. */
  send<T>(method: "GET" | "POST" | "PATCH", path: string, body?: unknown): Promise<T>;
  stop(): Promise<void>;
}

/** The seller's key, as the simulator's documentation gives it. */
export const sellerKey = { accessKeyId: "AKIDSIMULATOR0000000", secretAccessKey: "simulator-secret" };

/** Starts the simulator on a free port of this machine, with its books in memory. */
export async function startSimulator(): Promise<Simulator> {
  const worker = await runWorker({ source: simulatorSource, script: inject("simulatorScript"), port: 0 });

  return {
    url: worker.url,
    async send<T>(method: string, path: string, body?: unknown): Promise<T> {
      const headers = { "content-type": "application/json" };
      const sent = method === "GET" ? {} : { headers, body: JSON.stringify(body ?? {}) };
      const response = await fetch(`${worker.url}/_simulator/${path}`, { method, ...sent });
      const text = await response.text();
      if (!response.ok) throw new Error(`the control plane refused ${method} ${path}: ${text}`);
      return JSON.parse(text) as T;
    },
    stop: () => worker.stop(),
  };
}
