"""Produces so many events a second through librdkafka until it is told to stop (SIGTERM).

Usage: produce_rate.py BROKERS TOPIC RATE. Prints now and then, and at the end, how many were produced.
"""

import signal
import sys
import time

from confluent_kafka import Producer
from producing import produce

brokers, topic, rate = sys.argv[1], sys.argv[2], int(sys.argv[3])
producer = Producer({"bootstrap.servers": brokers, "compression.type": "lz4", "linger.ms": 20, "acks": 1})
running = True


def stop(*_):
    global running
    running = False


signal.signal(signal.SIGTERM, stop)
moment = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(1_893_456_000))
began = time.monotonic()
sent = 0
while running:
    due = int((time.monotonic() - began) * rate)
    for number in range(sent, due):
        key = f"s-{number}"
        value = (
            f'{{"event":"service.completed","service_id":"{key}","timestamp":"{moment}",'
            f'"disposition":"ok","session_id":"UYO5AV5G2KF3"}}'
        )
        produce(producer, topic, key, value)
    sent = max(sent, due)
    producer.poll(0)
    print(sent, flush=True)
    time.sleep(0.02)
producer.flush()
print(sent, flush=True)
