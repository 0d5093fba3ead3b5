import type { ExportDirectory, FileFacts, PendingFile } from '../../pipeline/ports.ts';

/** An export directory that keeps only the names of its files: their content is tested elsewhere. */
export function namesDirectory(): ExportDirectory {
  const published = new Set<string>();
  const reserved = new Map<number, string>();
  return {
    resolve: async filePrefix => ({ folder: '/exports', stem: filePrefix, spelled: filePrefix }),
    async reserve(_to, requestId, stamp) {
      if (!reserved.has(stamp)) reserved.set(stamp, requestId);
      return reserved.get(stamp) === requestId;
    },
    async release(_to, requestId, stamp) {
      if (reserved.get(stamp) === requestId) reserved.delete(stamp);
    },
    async releaseAllBut(requestIds) {
      for (const [stamp, holder] of reserved) if (!requestIds.includes(holder)) reserved.delete(stamp);
    },
    areFree: async (_, names) => names.every(name => !published.has(name)),
    create: async (_to, _requestId, name) => pendingFile(name),
    contentOf: async () => null,
    manifestText: async () => null,
    async publish(_to, _requestId, names) {
      for (const name of names) published.add(name);
    },
    sweep: async () => undefined,
  };
}

function pendingFile(name: string): PendingFile {
  let bytes = 0;
  return {
    name,
    async write(content) {
      bytes += content.length;
    },
    async seal(): Promise<FileFacts> {
      const content = { bytes, sha256: '' };
      return { name, plain: content, packed: content };
    },
    discard: async () => undefined,
  };
}
