import { describe, expect, test } from 'vitest';
import { encodeFetchRequest } from '../../../../connectors/kafka/client/fetch-request.ts';
import { decodeMetadataResponse, encodeMetadataRequest } from '../../../../connectors/kafka/client/metadata-request.ts';
import { FieldReader, FieldWriter } from '../../../../connectors/kafka/client/wire.ts';

const topicId = '00112233445566778899aabbccddeeff';
const zeros = '0'.repeat(32);

describe('the bytes of a flexible request', () => {
  test('for a fetch by topic id are as in the protocol', () => {
    const partition = { partition: 3, fetchOffset: '4294967296', maxBytes: 4096 };
    const options = {
      isolationLevel: 1,
      maxWaitTime: 250,
      minBytes: 1,
      maxBytes: 65536,
      topics: [{ topic: 't', partitions: [partition] }],
    };
    const bytes = encodeFetchRequest(options, new Map([['t', topicId]])).toString('hex');
    const limits = ['00', 'ffffffff', '000000fa', '00000001', '00010000', '01', '00000000', 'ffffffff'];
    const asked = ['00000003', 'ffffffff', '0000000100000000', 'ffffffff', 'ffffffffffffffff', '00001000', '00'];
    expect(bytes).toBe([...limits, '02', topicId, '02', ...asked, '00', '01', '01', '00'].join(''));
  });

  test('for metadata of some topics, and of all topics, are as in the protocol', () => {
    const some = encodeMetadataRequest({ topics: ['é'] }).toString('hex');
    expect(some).toBe(['00', '02', zeros, '03', 'c3a9', '00', '00', '00', '01', '00'].join(''));
    expect(encodeMetadataRequest({ topics: [], allowAutoTopicCreation: true }).toString('hex')).toBe('000001000100');
  });
});

test('tagged fields of a newer broker are skipped', () => {
  const writer = new FieldWriter();
  const bytes = Buffer.concat([
    writer.tags().int32(7).finish(),
    // A broker with two tagged fields, one of them long.
    new FieldWriter()
      .structures([1], () => undefined)
      .finish()
      .subarray(0, 1),
    new FieldWriter().int32(1).string('h').int32(9092).string(null).finish(),
    Buffer.from([2, 0, 1, 0xff, 5, 0x81, 1, ...Buffer.alloc(129)]),
    new FieldWriter()
      .string('cluster')
      .int32(1)
      .structures([], () => undefined)
      .int32(0)
      .tags()
      .finish(),
  ]);
  expect(decodeMetadataResponse(bytes)).toEqual({
    throttleTime: 0,
    clientSideThrottleTime: 7,
    brokers: [{ nodeId: 1, host: 'h', port: 9092, rack: null }],
    clusterId: 'cluster',
    controllerId: 1,
    topicMetadata: [],
  });
});

test('a length beyond the received bytes is an error', () => {
  expect(() => new FieldReader(Buffer.from([0xff]), true).string()).toThrow(RangeError);
  expect(() => new FieldReader(Buffer.from([0, 0, 0]), false).int32()).toThrow(RangeError);
});
