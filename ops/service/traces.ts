import { type Span, SpanStatusCode, trace } from '@opentelemetry/api';
import type { AnsweredRequest } from '../../connectors/http/audit.ts';
import { isEnded } from '../../pipeline/export/request.ts';
import type { JobView } from '../../pipeline/requests/job.ts';

/**
 * Spans of requests and exports for OpenTelemetry; without a preloaded SDK each call does nothing. A span is made when its
 * work is over, with the time at which it began, so that no span has to be passed through the code.
 */
const tracer = () => trace.getTracer('tidemark');

export function traceRequest(
  { method, route, status, milliseconds, exportId, replayId }: AnsweredRequest,
  now: number,
): void {
  const attributes = { 'http.request.method': method, 'http.response.status_code': status };
  const span = tracer().startSpan(`${method} ${route ?? ''}`.trimEnd(), { startTime: now - milliseconds, attributes });
  if (route !== null) span.setAttribute('http.route', route);
  if (exportId !== null) span.setAttribute('tidemark.export', exportId);
  if (replayId !== null) span.setAttribute('tidemark.replay', replayId);
  end(span, status >= 500, now);
}

export function traceExport({ record, progress }: JobView, milliseconds: number, now: number): void {
  if (!isEnded(record.state)) return;
  const { requestId, state, asker } = record;
  const attributes = {
    'tidemark.export': requestId,
    'tidemark.state': state,
    'tidemark.door': asker.door,
    'tidemark.rows': progress.rows,
    'tidemark.bytes': progress.bytes,
    'tidemark.waited_ms': progress.waitedMs,
  };
  end(tracer().startSpan('export', { startTime: now - milliseconds, attributes }), state === 'failed', now);
}

function end(span: Span, failed: boolean, now: number): void {
  if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end(now);
}
