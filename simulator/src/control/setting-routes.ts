import { Hono } from "hono";
import { z } from "zod";
import type { ClockSetting } from "../clock.ts";
import { iso, simulatedNow } from "../clock.ts";
import { faultSchema } from "../faults.ts";
import type { Simulator } from "../simulator.ts";
import { switchesSchema } from "../switches.ts";
import { check, readBody, Refusal, time } from "./requests.ts";

const clockSchema = z
  .strictObject({
    offsetSeconds: z.number().min(-3_000_000_000).max(3_000_000_000).optional(),
    frozenAt: time.optional(),
  })
  .refine((body) => (body.offsetSeconds === undefined) !== (body.frozenAt === undefined), {
    error: "send offsetSeconds (a number), or frozenAt (ISO 8601) to let time stand still",
    path: ["offsetSeconds"],
  });

const faultsSchema = z.strictObject({ faults: z.array(faultSchema).max(1000) });

export function settingRoutes(simulator: Simulator): Hono {
  const { store } = simulator;
  const faults = () => ({ faults: store.get("faults", "") ?? [] });
  return new Hono()
    .get("/clock", (c) => c.json(shownClock(simulator)))
    .post("/clock", async (c) => {
      const body = await readBody(c, clockSchema);
      if (body instanceof Refusal) return body.answer(c);
      store.put("clock", "", clockSetting(body));
      return c.json(shownClock(simulator));
    })
    .get("/switches", (c) => c.json(simulator.world.switches))
    .on(["POST", "PATCH"], "/switches", async (c) => {
      const body = await readBody(c, z.record(z.string(), z.unknown()));
      if (body instanceof Refusal) return body.answer(c);
      const switches = check({ ...simulator.world.switches, ...body }, switchesSchema);
      if (switches instanceof Refusal) return switches.answer(c);
      store.put("switches", "", switches);
      return c.json(switches);
    })
    .get("/faults", (c) => c.json(faults()))
    .post("/faults", async (c) => {
      const body = await readBody(c, faultsSchema);
      if (body instanceof Refusal) return body.answer(c);
      store.put("faults", "", body.faults);
      return c.json(faults());
    })
    .delete("/faults", (c) => {
      store.remove("faults", "");
      return c.json(faults());
    })
    .post("/reset", async (c) => {
      const body = await readBody(c, z.strictObject({}));
      if (body instanceof Refusal) return body.answer(c);
      simulator.reset();
      return c.json({ reset: true });
    });
}

function clockSetting({ offsetSeconds = 0, frozenAt }: z.output<typeof clockSchema>): ClockSetting {
  return frozenAt === undefined ? { offsetMilliseconds: offsetSeconds * 1000 } : { frozenAt };
}

function shownClock(simulator: Simulator) {
  const setting = simulator.store.get("clock", "");
  // Read once: between two readings the machine's clock may move on.
  const { machineNow } = simulator;
  const now = simulatedNow(setting, machineNow);
  return {
    now: iso(now),
    offsetSeconds: (now - machineNow) / 1000,
    frozen: setting !== undefined && "frozenAt" in setting,
  };
}
