import { Presets, SingleBar } from 'cli-progress';
import { formatBytes, formatCount, type Output } from './output.ts';

/** The progress of a long run: on a terminal a bar with rate and time left, elsewhere a line every two seconds. */
interface Progress {
  /** Adds the bytes and records that were read since the last call. */
  advance(bytes: number, records: number): void;
  end(): void;
}

const lineEveryMs = 2_000;

export function startProgress(label: string, totalBytes: number | null, output: Output): Progress {
  if (output.json) return { advance: () => undefined, end: () => undefined };
  return output.isTerminal && totalBytes !== null ? bar(label, totalBytes) : lines(label, totalBytes, output);
}

function bar(label: string, totalBytes: number): Progress {
  const format = `${label} {bar} {percentage}% | {records} records | {rate}/s | {eta_formatted} left`;
  const shown = new SingleBar(
    { format, stream: process.stderr, hideCursor: true, etaBuffer: 100 },
    Presets.shades_classic,
  );
  const count = counter();
  shown.start(totalBytes, 0, { records: '0', rate: '0' });
  return {
    advance(bytes, records) {
      const { total, rate } = count(records);
      shown.increment(bytes, { records: formatCount(total), rate: formatCount(rate) });
    },
    end: () => shown.stop(),
  };
}

function lines(label: string, totalBytes: number | null, output: Output): Progress {
  const count = counter();
  let done = 0;
  let next = performance.now() + lineEveryMs;
  return {
    advance(bytes, records) {
      done += bytes;
      const { total, rate } = count(records);
      if (performance.now() < next) return;
      next = performance.now() + lineEveryMs;
      const share = totalBytes === null ? '' : ` of ${formatBytes(totalBytes)}`;
      const counted = total === 0 ? '' : `, ${formatCount(total)} records, ${formatCount(rate)}/s`;
      output.notice(`${label}: ${formatBytes(done)}${share}${counted}`);
    },
    end: () => undefined,
  };
}

function counter(): (records: number) => { total: number; rate: number } {
  const began = performance.now();
  let total = 0;
  return records => {
    total += records;
    return { total, rate: Math.round(total / Math.max((performance.now() - began) / 1000, 0.001)) };
  };
}
