import { SECOND } from "../meter/hours.ts";
import type { Health, ProductHealth } from "./health.ts";

/** One measured value of a product; null when there is none. */
type Measure = (product: ProductHealth) => number | null;

const seconds = (time: number | null): number | null => (time === null ? null : time / SECOND);

/** Health as Prometheus reads it (text exposition format 0.0.4). Times are seconds since 1970, as is its custom. */
export function metricsText(health: Health, now: number): string {
  const lines: string[] = [];
  const family = (name: string, help: string, samples: readonly string[]): void => {
    if (samples.length > 0)
      lines.push(`# HELP metergate_${name} ${help}`, `# TYPE metergate_${name} gauge`, ...samples);
  };
  const perProduct = (name: string, help: string, measure: Measure): void => {
    const samples = health.products.flatMap((product) => {
      const value = measure(product);
      return value === null ? [] : [sample(name, { product: product.product }, value)];
    });
    family(name, help, samples);
  };
  perProduct("backlog_records", "Records that are not settled.", ({ backlog }) => backlog);
  perProduct("parked_records", "Records that wait for a person.", ({ parked }) => parked);
  perProduct("oldest_unsent_age_seconds", "Age of the oldest record that is not settled.", (product) =>
    product.oldestSealedAt === null ? null : (now - product.oldestSealedAt) / SECOND,
  );
  perProduct("nearest_deadline_seconds", "When AWS stops accepting the most urgent record.", (product) =>
    seconds(product.nearestDeadline),
  );
  perProduct("last_success_seconds", "When AWS last took a call.", (product) =>
    seconds(product.lastSuccessAt),
  );
  perProduct("paused", "1 while a wrong setting pauses delivery.", ({ pausedAt }) =>
    pausedAt === null ? 0 : 1,
  );
  family(
    "last_tick_seconds",
    "When the cron trigger last fired.",
    health.regions.map(({ region, lastTickAt }) =>
      sample("last_tick_seconds", { region }, lastTickAt / SECOND),
    ),
  );
  const kinds = Map.groupBy(health.alarms, ({ kind }) => kind);
  family(
    "open_alarms",
    "Alarms that are open.",
    [...kinds].map(([kind, alarms]) => sample("open_alarms", { kind }, alarms.length)),
  );
  family("undelivered_messages", "Webhook messages that have not been taken.", [
    sample("undelivered_messages", {}, health.undeliveredMessages),
  ]);
  return `${lines.join("\n")}\n`;
}

function sample(name: string, labels: Readonly<Record<string, string>>, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
  return `metergate_${name}${pairs.length > 0 ? `{${pairs.join(",")}}` : ""} ${value}`;
}

/** Prometheus: a label's value escapes backslash, quote and line break. */
const escaped = (text: string): string =>
  text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
