import type { Mechanism } from 'kafkajs';
import { TidemarkError } from '../../../pipeline/errors.ts';

/**
 * SASL OAUTHBEARER (RFC 7628). kafkajs's own does not read the server's answer: a refused token then looks like a
 * connection on which no request is ever answered.
 */
export function oauthBearer(token: () => Promise<string>): Mechanism {
  return {
    mechanism: 'oauthbearer',
    authenticationProvider: ({ host, port, saslAuthenticate }) => ({
      async authenticate() {
        const message = Buffer.from(`n,,\u0001auth=Bearer ${await token()}\u0001\u0001`);
        const length = Buffer.alloc(4);
        length.writeInt32BE(message.length);
        await saslAuthenticate({
          request: { encode: () => Buffer.concat([length, message]) },
          response: {
            decode: (answer: Buffer) => answer,
            parse: (answer: Buffer) => checkAnswer(answer, `${host}:${port}`),
          },
        });
      },
    }),
  };
}

/** A server that takes the token answers with nothing, one that does not with a JSON text which says why. */
function checkAnswer(answer: Buffer | null, broker: string): void {
  const text =
    answer
      ?.toString('utf8')
      .replaceAll(/[^ -~]/g, '')
      .trim() ?? '';
  if (text === '') return;
  throw new TidemarkError('SOURCE_REFUSED', `${broker} refuses the bearer token: ${text}; see kafka_oauth_token`);
}
