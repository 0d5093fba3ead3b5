import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** How members of a group and its leader write to each other, as kafkajs writes it but does not export it. */
export interface AssignerProtocol {
  readonly MemberMetadata: {
    encode(of: { version: number; topics: readonly string[]; userData: Buffer }): Buffer;
    decode(bytes: Buffer): { readonly topics: readonly string[]; readonly userData: Buffer };
  };
  readonly MemberAssignment: {
    encode(of: { version: number; assignment: Record<string, readonly number[]>; userData: Buffer }): Buffer;
  };
}

/** What kafkajs has of it; loaded when it is asked for, see load-kafkajs. */
export function assignerProtocol(): AssignerProtocol {
  return require('kafkajs/src/consumer/assignerProtocol.js');
}
