import kafkaJs from 'kafkajs';
import lz4 from 'lz4-napi';

/** kafkajs by itself, reading and discarding. Arguments: brokers, topic, events. Prints {records, seconds, cpu_seconds}. */
const [, , brokers = '', topic = '', events = '0'] = process.argv;
const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = kafkaJs;
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async ({ buffer }: { buffer: Buffer }) => lz4.compressFrameSync(buffer),
  decompress: async (buffer: Buffer) => lz4.decompressFrameSync(buffer),
});
const kafka = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.ERROR });
const consumer = kafka.consumer({
  groupId: `alone-${process.pid}`,
  maxWaitTimeInMs: 250,
  maxBytesPerPartition: 704 << 10,
  maxBytes: 2112 << 10,
});
let records = 0;
let began = 0;
consumer.on(consumer.events.GROUP_JOIN, () => {
  began = performance.now();
});
await consumer.connect();
await consumer.subscribe({ topics: [topic], fromBeginning: true });
await consumer.run({
  autoCommit: false,
  eachBatch: async ({ batch }) => {
    records += batch.messages.length;
    if (records < Number(events)) return;
    const seconds = (performance.now() - began) / 1000;
    const { user, system } = process.cpuUsage();
    process.stdout.write(JSON.stringify({ records, seconds, cpu_seconds: (user + system) / 1e6 }));
    process.exit(0);
  },
});
