import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import tls from 'node:tls';
import type { Refusal } from '../../connectors/http/refusals.ts';
import { failureCodes, hasSystemCode, TidemarkError } from '../../pipeline/errors.ts';
import { findServer, type ServerFile } from './server-file.ts';

const usualAnswerMs = 30_000;

interface ServiceRequest {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  /** Address and query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** How long the service may take to answer, in milliseconds. */
  readonly answerMs?: number;
}

/** Sends requests to the running service that owns a database, from commands on the same machine. */
export class ServiceClient {
  readonly #db: string;
  #server: ServerFile;

  constructor(db: string, server: ServerFile) {
    this.#db = db;
    this.#server = server;
  }

  /** The export root of the service. */
  get exportRoot(): string {
    return this.#server.export_root;
  }

  /** Sends a request and returns the JSON of the answer. Throws the service's refusal, or `SOURCE_UNREACHABLE`. */
  async ask<T>({ method = 'GET', path, headers = {}, answerMs = usualAnswerMs }: ServiceRequest): Promise<T> {
    const { status, text } = await this.#send({ method, path, headers, answerMs });
    if (status < 400) return JSON.parse(text) as T;
    throw refusedAs(text) ?? this.#unusableAnswer(`it answered ${status}`);
  }

  async #send({
    method,
    path,
    headers,
    answerMs,
  }: Required<ServiceRequest>): Promise<{ status: number; text: string }> {
    const signal = AbortSignal.timeout(answerMs);
    let socket: net.Socket | null = null;
    try {
      const connected = await this.#connect();
      socket = connected;
      const authorization = `Bearer ${this.#server.token}`;
      const request = http.request({
        ...{ method, path, ...addressOf(this.#server), signal, createConnection: () => connected },
        headers: { ...headers, authorization, connection: 'close' },
      });
      request.end();
      const [response] = (await once(request, 'response')) as [http.IncomingMessage];
      let text = '';
      for await (const part of response.setEncoding('utf8')) text += part;
      return { status: response.statusCode ?? 0, text };
    } catch (cause) {
      if (cause instanceof TidemarkError) throw cause;
      throw this.#unusableAnswer(cause instanceof Error ? cause.message : String(cause), cause);
    } finally {
      socket?.destroy();
    }
  }

  /** The service may have renewed its certificate since the server file was read; so that is read once more. */
  async #connect(): Promise<net.Socket> {
    const first = await connect(this.#server);
    if (first !== null) return first;
    this.#server = (await findServer(this.#db)) ?? this.#server;
    const second = await connect(this.#server);
    if (second !== null) return second;
    const { host, port } = addressOf(this.#server);
    const problem = `${host}:${port} does not present the certificate of the service that owns the database`;
    throw new TidemarkError('SOURCE_UNREACHABLE', problem);
  }

  #unusableAnswer(reason: string, cause?: unknown): TidemarkError {
    const { url, pid } = this.#server;
    const message = `the service at ${url} (process ${pid}) returns no usable answer: ${reason}`;
    return new TidemarkError('SOURCE_UNREACHABLE', message, { cause });
  }
}

/** The service that owns a database; null when none runs, also when the file of a dead service is still there. */
export async function findClient(db: string): Promise<ServiceClient | null> {
  const server = await findServer(db);
  if (server === null) return null;
  const client = new ServiceClient(db, server);
  try {
    await client.ask({ path: '/healthz' });
    return client;
  } catch (error) {
    // The service is dead and its lock is gone, so the database file can be opened.
    if (error instanceof TidemarkError && hasSystemCode(error.cause, 'ECONNREFUSED')) return null;
    throw error;
  }
}

function addressOf({ url }: ServerFile): { readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) };
}

/** Accepts exactly the certificate of the server file, whichever host name is in the certificate; null for another one. */
async function connect(server: ServerFile): Promise<net.Socket | null> {
  const { certificate } = server;
  if (certificate === null) {
    const socket = net.connect(addressOf(server));
    await once(socket, 'connect');
    return socket;
  }
  const socket = tls.connect({ ...addressOf(server), rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  if (socket.getPeerCertificate().fingerprint256 === certificate) return socket;
  socket.destroy();
  return null;
}

/** The service's refusal as an error; null where the answer is no refusal of Tidemark. */
function refusedAs(text: string): TidemarkError | null {
  try {
    const { exception, message } = JSON.parse(text) as Refusal;
    const code = failureCodes.find(known => known === exception);
    return code === undefined ? null : new TidemarkError(code, message);
  } catch {
    return null;
  }
}
