/**
 * What the process of a replay needs of the service's environment: where things are, how texts and times are spelled, and whom TLS
 * trusts. Settings, secrets among them, come over the channel between the processes and not from here, where other programs of
 * the same user could read them.
 */
const needed: readonly RegExp[] = [
  /^(PATH|HOME|TMPDIR|LD_LIBRARY_PATH)$/,
  /^(TZ|LANG|LC_[A-Z]+)$/,
  /^(NODE_EXTRA_CA_CERTS|NODE_TLS_REJECT_UNAUTHORIZED|SSL_CERT_FILE|SSL_CERT_DIR)$/,
  // Node's `fetch`, which gets tokens and schemas, goes through a proxy where the first of these says so.
  /^(NODE_USE_ENV_PROXY|HTTPS?_PROXY|NO_PROXY|https?_proxy|no_proxy)$/,
  // Without it queries could occupy all threads that their file writes need.
  /^UV_THREADPOOL_SIZE$/,
];

export function childEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => needed.some(pattern => pattern.test(name))));
}

/** The options of Node about memory and certificates, such as those of the first line of `tidemark.cts`. A debugger is not started. */
export function childOptions(options: readonly string[]): readonly string[] {
  return options.filter(option =>
    /^--((min|max)[-_]semi[-_]space|max[-_]old[-_]space|heap[-_]growing|use[-_](openssl|bundled|system)[-_]ca)/.test(
      option,
    ),
  );
}
