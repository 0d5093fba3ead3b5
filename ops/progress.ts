import { Presets, SingleBar } from 'cli-progress';
import { formatBytes, formatCount, formatSeconds, type Output } from './output.ts';

/** The progress of a long run: on a terminal a bar with rate and time left, elsewhere a line every two seconds. */
export interface Progress {
  /** Adds the bytes and records that were read since the last call. */
  advance(bytes: number, records: number): void;
  end(): void;
}

/** All that there is to read; null where that is not known. */
export type Whole = { readonly bytes: number } | { readonly records: number } | null;

const lineEveryMs = 2_000;

export function startProgress(label: string, whole: Whole, output: Output): Progress {
  if (output.json) return { advance: () => undefined, end: () => undefined };
  return output.isTerminal && whole !== null ? bar(label, whole) : lines(label, whole, output);
}

function bar(label: string, whole: NonNullable<Whole>): Progress {
  const format = `${label} {bar} {percentage}% | {records} records | {rate}/s | {eta_formatted} left`;
  const shown = new SingleBar(
    { format, stream: process.stderr, hideCursor: true, etaBuffer: 100 },
    Presets.shades_classic,
  );
  const count = counter();
  shown.start('bytes' in whole ? whole.bytes : whole.records, 0, { records: '0', rate: '0' });
  return {
    advance(bytes, records) {
      const { total, rate } = count(records);
      shown.increment('bytes' in whole ? bytes : records, { records: formatCount(total), rate: formatCount(rate) });
    },
    end: () => shown.stop(),
  };
}

function lines(label: string, whole: Whole, output: Output): Progress {
  const count = counter();
  const began = performance.now();
  let done = 0;
  let next = began + lineEveryMs;
  return {
    advance(bytes, records) {
      done += bytes;
      const { total, rate } = count(records);
      const now = performance.now();
      if (now < next) return;
      next = now + lineEveryMs;
      const share = shareOf(whole, done, total);
      const left = share === null ? [] : [`about ${formatSeconds(((now - began) * (1 - share)) / share)} left`];
      output.notice(`${label}: ${[...describeDone(whole, done, total, rate), ...left].join(', ')}`);
    },
    end: () => undefined,
  };
}

/** The part that was read, between 0 and 1; null where that is not known. */
function shareOf(whole: Whole, bytes: number, records: number): number | null {
  const share = whole === null ? 0 : 'bytes' in whole ? bytes / whole.bytes : records / whole.records;
  return share > 0 ? Math.min(share, 1) : null;
}

function describeDone(whole: Whole, bytes: number, records: number, rate: number): readonly string[] {
  const perSecond = `${formatCount(rate)}/s`;
  if (whole !== null && 'records' in whole)
    return [`${formatCount(records)} of ${formatCount(whole.records)} records`, perSecond, formatBytes(bytes)];
  const share = whole === null ? '' : ` of ${formatBytes(whole.bytes)}`;
  const counted = records === 0 ? [] : [`${formatCount(records)} records`, perSecond];
  return [`${formatBytes(bytes)}${share}`, ...counted];
}

function counter(): (records: number) => { total: number; rate: number } {
  const began = performance.now();
  let total = 0;
  return records => {
    total += records;
    return { total, rate: Math.round(total / Math.max((performance.now() - began) / 1000, 0.001)) };
  };
}
