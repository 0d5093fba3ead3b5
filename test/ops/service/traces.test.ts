import { type SpanOptions, SpanStatusCode, trace } from '@opentelemetry/api';
import { afterEach, expect, test } from 'vitest';
import type { AnsweredRequest } from '../../../connectors/http/audit.ts';
import { traceRequest } from '../../../ops/service/traces.ts';

const answered: AnsweredRequest = {
  method: 'GET',
  route: '/exports/:id',
  status: 200,
  milliseconds: 40,
  client: 'a-reader',
  requestId: 'r',
  exportId: 'e',
  replayId: null,
  cut: false,
};

afterEach(() => trace.disable());

test('without an SDK, tracing a request does nothing', () => {
  expect(() => traceRequest(answered, 1_000)).not.toThrow();
});

test.each([
  [200, undefined],
  [404, undefined],
  [500, SpanStatusCode.ERROR],
])('an SDK gets a span for a request that was answered with %i', (status, code) => {
  const told: Record<string, unknown> = {};
  const plain = trace.getTracer('none').startSpan('none');
  const span = Object.assign(Object.create(plain), {
    setAttribute: (name: string, value: unknown) => Object.assign(told, { [name]: value }),
    setStatus: ({ code }: { code: number }) => Object.assign(told, { code }),
    end: (at: number) => Object.assign(told, { end: at }),
  });
  const startSpan = (name: string, { startTime, attributes }: SpanOptions = {}) => {
    Object.assign(told, { name, start: startTime, ...attributes });
    return span;
  };
  const tracer = Object.assign(Object.create(trace.getTracer('none')), { startSpan });
  trace.setGlobalTracerProvider({ getTracer: () => tracer });
  traceRequest({ ...answered, status }, 1_000);
  expect(told).toEqual({
    name: 'GET /exports/:id',
    start: 960,
    end: 1_000,
    'http.request.method': 'GET',
    'http.response.status_code': status,
    'http.route': '/exports/:id',
    'tidemark.export': 'e',
    ...(code === undefined ? {} : { code }),
  });
});
