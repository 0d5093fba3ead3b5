import { flag, type Settings, securityFile, text, tokenLines, wholeNumber } from './kinds.ts';

/** The HTTP server of the service. */
export const httpSettings = {
  http_host: { kind: text, default: '127.0.0.1', help: 'the address to listen on for HTTP' },
  http_port: {
    kind: wholeNumber(0, 65_535),
    default: 8480,
    help: 'the port to listen on for HTTP; 0 takes a free one',
  },
  http_tokens: {
    kind: tokenLines,
    default: null,
    help: 'who may use HTTP, one line per token; without this and http_tokens_file, anyone on this machine may',
  },
  http_tokens_file: {
    kind: securityFile,
    default: null,
    help: 'a file with more such lines; it is read again when it changes, and without a line it lets nobody in',
  },
  http_allow_anonymous: {
    kind: flag,
    default: false,
    help: 'whether to listen beyond this machine without tokens',
  },
  http_tls_cert_file: {
    kind: securityFile,
    default: null,
    help: 'PEM file of the certificate for HTTPS, read again when it changes; without it, HTTP is unencrypted',
  },
  http_tls_key_file: { kind: securityFile, default: null, help: 'PEM file of the private key of that certificate' },
  http_rate_limit: {
    kind: wholeNumber(0, 10_000_000),
    unit: 'requests/min',
    default: 6_000,
    help: 'how many requests one client may make; 0 for any number',
  },
  streams_at_once: {
    kind: wholeNumber(1, 1_000),
    default: 8,
    help: 'how many streams of services may be made or sent at once',
  },
  stream_spool_bytes: {
    kind: wholeNumber(1_000_000, 1_000_000_000_000),
    unit: 'bytes',
    default: 1_000_000_000,
    help: 'how large the answer of one stream may be; it is kept on disk beside the database until it is sent',
  },
  http_stall_ms: {
    kind: wholeNumber(100, 3_600_000),
    unit: 'ms',
    default: 30_000,
    help: 'how long a client may receive nothing before it is cut off; below 4 kB/s it is cut off after ten times as long',
  },
} satisfies Settings;
