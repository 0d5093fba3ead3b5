"""Produces what a file holds through librdkafka: frames of key and value, each after its length (big-endian, 4 bytes).

Usage: produce.py BROKERS TOPIC CODEC FILE. Prints the number of records.
"""

import struct
import sys

from confluent_kafka import Producer
from producing import produce

brokers, topic, codec, file = sys.argv[1:5]
producer = Producer(
    {
        "bootstrap.servers": brokers,
        "compression.type": codec,
        "linger.ms": 5,
        "queue.buffering.max.messages": 500_000,
        "queue.buffering.max.kbytes": 500_000,
    }
)
count = 0
with open(file, "rb") as frames:
    data = frames.read()
at = 0
while at < len(data):
    (key_length,) = struct.unpack_from(">I", data, at)
    key = data[at + 4 : at + 4 + key_length]
    at += 4 + key_length
    (value_length,) = struct.unpack_from(">I", data, at)
    value = data[at + 4 : at + 4 + value_length]
    at += 4 + value_length
    produce(producer, topic, key, value)
    count += 1
    if count % 10_000 == 0:
        producer.poll(0)
producer.flush()
print(count)
