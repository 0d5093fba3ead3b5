/**
 * A function that reads files anew at each call, because they may have changed. When they cannot be used, it returns what
 * they held before, and calls `onFailure` once for each reason. The first reading is made at once and throws.
 */
export function lastGood<T>(read: () => T, onFailure: (reason: string) => void): () => T {
  let good = read();
  let reported: string | null = null;
  return () => {
    try {
      good = read();
      reported = null;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== reported) onFailure(reason);
      reported = reason;
    }
    return good;
  };
}
