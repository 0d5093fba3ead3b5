import { cpus, totalmem } from 'node:os';

/** The machine and versions that figures were taken on. */
export function describeMachine(): string {
  const [first] = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  return `${cpus().length} × ${first?.model.trim()}, ${memory}, Node ${process.versions.node}, zlib ${process.versions.zlib}`;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

/** Watches this process's resident memory; `stop` gives the idle and the highest size in MB. */
export function watchMemory(): { stop(): { readonly idleMb: number; readonly peakMb: number } } {
  const megabytes = () => process.memoryUsage.rss() / 1e6;
  const idleMb = megabytes();
  let peakMb = idleMb;
  const timer = setInterval(() => {
    peakMb = Math.max(peakMb, megabytes());
  }, 20);
  return {
    stop: () => {
      clearInterval(timer);
      return { idleMb: Math.round(idleMb), peakMb: Math.round(Math.max(peakMb, megabytes())) };
    },
  };
}
