import type { Mechanism } from 'kafkajs';
import { TidemarkError } from '../../../pipeline/errors.ts';

/**
 * SASL OAUTHBEARER (RFC 7628). kafkajs's own implementation ignores the server's answer: after a refused token it waits on
 * a connection on which no request is ever answered.
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

/** A server answers an accepted token with an empty text, and a refused one with a JSON text that contains the reason. */
function checkAnswer(answer: Buffer | null, broker: string): void {
  const text =
    answer
      ?.toString('utf8')
      .replaceAll(/[^ -~]/g, '')
      .trim() ?? '';
  if (text === '') return;
  throw new TidemarkError('SOURCE_REFUSED', `${broker} refuses the bearer token: ${text}; see kafka_oauth_token`);
}
