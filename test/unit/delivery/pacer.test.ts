import { describe, expect, it } from "vitest";
import { Pacer } from "../../../src/delivery/pacer.ts";
import { VirtualTime } from "./virtual-time.ts";

/** When calls of a pacer are made, relative to the first. */
async function turns(time: VirtualTime, pacer: Pacer, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; n < count; n++) times.push(await pacer.turn().then(time.now));
  return times.map((at) => at - (times[0] ?? 0));
}

describe("the pacer", () => {
  it("spaces calls by a tenth of a second, whoever asks, and lets none be saved up", async () => {
    const time = new VirtualTime(0);
    const pacer = new Pacer(time);
    const both = time.run(Promise.all([turns(time, pacer, 2), turns(time, pacer, 2)]));
    expect((await both).flat().toSorted((a, b) => a - b)).toEqual([0, 0, 200, 200]);
    time.advance(60_000);
    expect(await time.run(turns(time, pacer, 3))).toEqual([0, 100, 200]);
  });

  it("halves the rate with each throttling, to a 32nd, and comes back by a tenth with each call that is taken", async () => {
    const time = new VirtualTime(0);
    const pacer = new Pacer(time);
    pacer.throttled();
    expect(await time.run(turns(time, pacer, 3))).toEqual([0, 200, 400]);
    for (let n = 0; n < 20; n++) pacer.throttled();
    time.advance(60_000);
    expect(await time.run(turns(time, pacer, 3))).toEqual([0, 3200, 6400]);
    pacer.taken();
    time.advance(60_000);
    expect(await time.run(turns(time, pacer, 2))).toEqual([0, 2880]);
    for (let n = 0; n < 100; n++) pacer.taken();
    time.advance(60_000);
    expect(await time.run(turns(time, pacer, 2))).toEqual([0, 100]);
  });

  it("does not wait for a clock that was set back to come forward again", async () => {
    const time = new VirtualTime(10_000_000);
    const pacer = new Pacer(time);
    await time.run(turns(time, pacer, 1));
    time.advance(-9_000_000);
    const before = time.now();
    await time.run(turns(time, pacer, 1));
    expect(time.now() - before).toBeLessThan(30_000);
  });
});
