/** Instants are whole milliseconds since 1970-01-01T00:00:00Z; event times lie in the years 1970 to 2200. */

/** First instant after the year 2200. */
export const timeEnd = Date.UTC(2201, 0, 1);

const msOf400Years = 146_097 * 86_400_000;
const firstInstant = Date.parse('0000-01-01T00:00:00.000Z');
const lastInstant = Date.parse('9999-12-31T23:59:59.999Z');

// RFC 3339 with T and a zone, upper case. Whether the date exists is checked below.
const shape =
  /^(\d{4})-(\d{2})-(\d{2})T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d+))?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))$/;

/** Reads the time of an event as `parseInstant` does; undefined also outside of the years 1970 to 2200. */
export function parseTimestamp(text: string): number | undefined {
  const instant = parseInstant(text);
  return instant === undefined ? undefined : inRange(instant);
}

/**
 * Reads an RFC 3339 time (contract 1.10): a date that exists, no leap second, no 24:00, zones within ±23:59, digits beyond
 * milliseconds cut off. Undefined for anything else, and when the year in UTC does not have four digits.
 */
export function parseInstant(text: string): number | undefined {
  const match = shape.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = '', sign, zoneHour, zoneMinute] = match;
  const seconds = [Number(hour), Number(minute), Number(second)] as const;
  // Date.UTC takes years below 100 for 1900 to 1999, so 400 years are added, after which the calendar repeats.
  const later = Date.UTC(Number(year) + 400, Number(month) - 1, Number(day), ...seconds);
  const date = new Date(later);
  if (date.getUTCDate() !== Number(day) || date.getUTCMonth() + 1 !== Number(month)) return undefined;
  const millisecond = Number(fraction.slice(0, 3).padEnd(3, '0'));
  const zone =
    sign === undefined ? 0 : (Number(zoneHour) * 60 + Number(zoneMinute)) * (sign === '-' ? -60_000 : 60_000);
  const instant = later - msOf400Years + millisecond - zone;
  return isInstant(instant) ? instant : undefined;
}

/** True when the instant's year in UTC has four digits, so that it can be written as text. Required of window bounds. */
export function isInstant(instant: number): boolean {
  return instant >= firstInstant && instant <= lastInstant;
}

/** True when the instant may be an event's time. */
export function isEventTime(instant: number): boolean {
  return instant >= 0 && instant < timeEnd;
}

/** `YYYY-MM-DDTHH:mm:ss.SSSZ` */
export function formatTimestamp(instant: number): string {
  return new Date(instant).toISOString();
}

/** The length of `YYYY-MM-DDTHH:mm:ss.SSSZ`, in bytes. */
export const usualTimestampBytes = 24;

/**
 * Reads `YYYY-MM-DDTHH:mm:ss.SSSZ`, which nearly every producer writes, six times as fast as `Date.parse`. Undefined for
 * anything else, which `parseTimestamp` may still allow.
 */
export function parseUsualTimestamp(bytes: Uint8Array, at: number): number | undefined {
  if (!usualPunctuation(bytes, at)) return undefined;
  const year = digits(bytes, at, 4);
  const month = digits(bytes, at + 5, 2);
  const day = digits(bytes, at + 8, 2);
  const hour = digits(bytes, at + 11, 2);
  const minute = digits(bytes, at + 14, 2);
  const second = digits(bytes, at + 17, 2);
  const millisecond = digits(bytes, at + 20, 3);
  // A byte that is no digit makes one of these NaN, for which every comparison is false.
  const real =
    year >= 1970 && month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month) && hour < 24 && minute < 60;
  if (!real || !(second < 60) || !(millisecond >= 0)) return undefined;
  return inRange(Date.UTC(year, month - 1, day, hour, minute, second, millisecond));
}

function usualPunctuation(bytes: Uint8Array, at: number): boolean {
  return (
    bytes[at + 4] === 0x2d &&
    bytes[at + 7] === 0x2d &&
    bytes[at + 10] === 0x54 &&
    bytes[at + 13] === 0x3a &&
    bytes[at + 16] === 0x3a &&
    bytes[at + 19] === 0x2e &&
    bytes[at + 23] === 0x5a
  );
}

function digits(bytes: Uint8Array, from: number, count: number): number {
  let number = 0;
  for (let at = from; at < from + count; at += 1) {
    const digit = bytes[at]! - 0x30;
    if (!(digit >= 0 && digit <= 9)) return Number.NaN;
    number = number * 10 + digit;
  }
  return number;
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

function inRange(instant: number): number | undefined {
  return isEventTime(instant) ? instant : undefined;
}
