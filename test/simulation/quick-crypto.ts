import { createHash, createHmac, type BinaryLike } from "node:crypto";

/**
 * Web Crypto answers from threads, in an order of their own. The simulation must run the same for the same seed, so here
 * it answers at once: SHA-256 and HMAC, which is all that signatures of AWS and our ids are made of.
 */
export function answerCryptoAtOnce(): void {
  const bytes = (data: BufferSource): BinaryLike =>
    data instanceof ArrayBuffer
      ? new Uint8Array(data)
      : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const buffer = (digest: Buffer): ArrayBuffer => new Uint8Array(digest).buffer;
  const keys = new WeakMap<CryptoKey, BinaryLike>();
  const subtle = {
    digest: (_algorithm: string, data: BufferSource) =>
      Promise.resolve(buffer(createHash("sha256").update(bytes(data)).digest())),
    importKey: (_format: string, data: BufferSource) => {
      const key = {} as CryptoKey;
      keys.set(key, bytes(data));
      return Promise.resolve(key);
    },
    sign: (_algorithm: unknown, key: CryptoKey, data: BufferSource) =>
      Promise.resolve(
        buffer(
          createHmac("sha256", keys.get(key) ?? "")
            .update(bytes(data))
            .digest(),
        ),
      ),
  };
  Object.defineProperty(globalThis, "crypto", {
    configurable: true,
    value: {
      subtle,
      getRandomValues: crypto.getRandomValues.bind(crypto),
      randomUUID: crypto.randomUUID.bind(crypto),
    },
  });
}
