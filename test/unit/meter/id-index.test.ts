import { describe, expect, it } from "vitest";
import { IdIndex } from "../../../src/meter/id-index.ts";

describe("the ids that have been counted", () => {
  it("are known per agreement", () => {
    const ids = new IdIndex();
    ids.add("a", "1", 100);
    expect([ids.has("a", "1"), ids.has("b", "1"), ids.has("a", "2")]).toEqual([true, false, false]);
  });

  it("are forgotten when they have left the window, and not before", () => {
    const ids = new IdIndex();
    ids.add("a", "old", 100);
    ids.add("b", "old", 199);
    ids.add("a", "young", 200);
    ids.forgetBefore(200);
    expect([ids.has("a", "old"), ids.has("b", "old"), ids.has("a", "young")]).toEqual([false, false, true]);
  });

  it("are given out once to be saved, and known again when they are restored", () => {
    const ids = new IdIndex();
    ids.add("a", "1", 100);
    const saved = ids.takeUnsaved();
    expect(saved).toEqual([["a", "1", 100]]);
    const restored = new IdIndex();
    restored.restore(saved);
    expect(restored.has("a", "1")).toBe(true);
    expect([ids.takeUnsaved(), restored.takeUnsaved()]).toEqual([[], []]);
  });
});
