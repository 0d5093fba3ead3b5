import { expect, test } from 'vitest';
import { brokers, partitions } from '../../../ops/settings/kinds.ts';

test.each([
  ['0-3', [0, 1, 2, 3]],
  ['5-6,0,2', [0, 2, 5, 6]],
  ['3-3,3', [3]],
  ['', null],
  ['0-3,7-5', undefined],
  ['7-5', undefined],
  ['a', undefined],
])('the list of partitions %j is read as %j', (given, value) => {
  expect(partitions.read(given)).toEqual(value);
});

test.each([
  ['kafka-1:9092,kafka_2.acme.com:9093', ['kafka-1:9092', 'kafka_2.acme.com:9093']],
  [['[::1]:9092'], ['[::1]:9092']],
  ['kafka-1', undefined],
  ['kafka-1:', undefined],
  ['kafka-1:0', undefined],
  ['kafka-1:65536', undefined],
  ['PLAINTEXT://kafka-1:9092', undefined],
  ['::1:9092', undefined],
  ['kafka-1:9092, kafka-2:9092', undefined],
])('the brokers %j are read as %j', (given, value) => {
  expect(brokers.read(given)).toEqual(value);
});
