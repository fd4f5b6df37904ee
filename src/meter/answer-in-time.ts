import { SECOND } from "./hours.ts";

/** Far longer than a shard takes for anything. */
const PATIENCE = 20 * SECOND;

/**
 * What a shard answers, if it does in time: one that hangs must keep nothing waiting that is about others. It may still do
 * later what it was asked, so that is to be of a kind that may be asked again.
 *
 * @throws when the shard fails, or has not answered
 */
export async function answerInTime<T>(shard: string, answer: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new Error(`shard ${shard} has not answered for ${PATIENCE / SECOND} seconds`));
  }, PATIENCE);
  try {
    return await Promise.race([answer, promise]);
  } finally {
    clearTimeout(timer);
  }
}
