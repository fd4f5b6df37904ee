import { describe, expect, it } from "vitest";
import { GroupCommit } from "../../../src/meter/group-commit.ts";

/** A disk whose writes finish when the test says so. */
function disk() {
  const groups: string[][] = [];
  const waiting: PromiseWithResolvers<void>[] = [];
  const commit = new GroupCommit<string>(
    (items) => groups.push([...items]),
    () => {
      const sync = Promise.withResolvers<void>();
      waiting.push(sync);
      return sync.promise;
    },
  );
  /** Lets what is runnable run. */
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  return {
    commit,
    groups,
    settle,
    finish: async (): Promise<void> => {
      await settle();
      waiting.shift()?.resolve();
      await settle();
    },
    fail: async (error: Error): Promise<void> => {
      await settle();
      waiting.shift()?.reject(error);
      await settle();
    },
  };
}

/** Whether a promise has resolved by now. */
async function isDone(promise: Promise<void>): Promise<boolean> {
  const pending = Symbol("pending");
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

describe("a group commit", () => {
  it("writes requests of the same moment as one group", async () => {
    const { commit, groups, finish } = disk();
    commit.add("a");
    const first = commit.durable();
    commit.add("b");
    const second = commit.durable();
    await finish();
    await Promise.all([first, second]);
    expect(groups).toEqual([["a", "b"]]);
  });

  it("gathers what arrives while a group is on its way into the next one", async () => {
    const { commit, groups, finish, settle } = disk();
    commit.add("a");
    const first = commit.durable();
    await settle();
    commit.add("b");
    commit.add("c");
    const second = commit.durable();
    await finish();
    await first;
    expect(await isDone(second)).toBe(false);
    await finish();
    await second;
    expect(groups).toEqual([["a"], ["b", "c"]]);
  });

  it("tells nobody before the disk has it, not even who only brought a duplicate", async () => {
    const { commit, finish, settle } = disk();
    commit.add("a");
    const first = commit.durable();
    await settle();
    const duplicate = commit.durable();
    expect([await isDone(first), await isDone(duplicate)]).toEqual([false, false]);
    await finish();
    await Promise.all([first, duplicate]);
  });

  it("waits for the disk when someone else has flushed what was added", async () => {
    const { commit, groups, finish, settle } = disk();
    commit.add("a");
    const first = commit.durable();
    commit.flush();
    const duplicate = commit.durable();
    await settle();
    expect([await isDone(first), await isDone(duplicate)]).toEqual([false, false]);
    await finish();
    await Promise.all([first, duplicate]);
    expect(groups).toEqual([["a"]]);
  });

  it("has nothing to wait for when nothing was added", async () => {
    await expect(disk().commit.durable()).resolves.toBeUndefined();
  });

  it("fails everyone whose write failed", async () => {
    const { commit, fail } = disk();
    commit.add("a");
    const first = commit.durable();
    commit.add("b");
    const second = commit.durable();
    const outcomes = Promise.allSettled([first, second]);
    await fail(new Error("disk full"));
    expect((await outcomes).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  });
});
