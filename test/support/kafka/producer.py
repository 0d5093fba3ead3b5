"""Sends records with Confluent's Python producer (librdkafka). Each line of standard input is JSON of one record.

Argument: JSON of {topic, settings, avro: {registry, schema, keySchema or absent, subjects} or absent}. With avro, Confluent's
serializer encodes the value, which is an object, and registers its schema; with a keySchema it does the same for the key.
Prints the number of acknowledged records.
"""

import base64
import json
import sys

from confluent_kafka import Producer
from confluent_kafka.schema_registry import (
    SchemaRegistryClient,
    record_subject_name_strategy,
    topic_record_subject_name_strategy,
    topic_subject_name_strategy,
)
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

STRATEGIES = {
    "topic": topic_subject_name_strategy,
    "record": record_subject_name_strategy,
    "topic-record": topic_record_subject_name_strategy,
}


def avro_encoder(topic, registry, schema, subjects, part):
    conf = {"subject.name.strategy": STRATEGIES[subjects]}
    serializer = AvroSerializer(SchemaRegistryClient({"url": registry}), schema, conf=conf)
    return lambda given: serializer(given, SerializationContext(topic, part))


def encoders(topic, avro):
    """The encoders of values and keys; None when they are text or bytes."""
    if avro is None:
        return None, None
    registry, key_schema = avro["registry"], avro.get("keySchema")
    of_value = avro_encoder(topic, registry, avro["schema"], avro.get("subjects", "topic"), MessageField.VALUE)
    of_key = avro_encoder(topic, registry, key_schema, "topic", MessageField.KEY) if key_schema else None
    return of_value, of_key


def part_of(record, name, encode):
    if encode is not None and record.get(name) is not None:
        return encode(record[name])
    if record.get(name + "Base64") is not None:
        return base64.b64decode(record[name + "Base64"])
    return record[name].encode() if record.get(name) is not None else None


def main():
    order = json.loads(sys.argv[1])
    topic, avro = order["topic"], order.get("avro")
    encode_value, encode_key = encoders(topic, avro)
    producer = Producer(order["settings"])
    outcome = {"acknowledged": 0, "errors": []}

    def delivered(error, _message):
        if error is None:
            outcome["acknowledged"] += 1
        else:
            outcome["errors"].append(str(error))

    for line in sys.stdin:
        record = json.loads(line)
        key, value = part_of(record, "key", encode_key), part_of(record, "value", encode_value)
        optional = {name: record[name] for name in ("partition", "timestamp") if record.get(name) is not None}
        headers = [(name, text.encode()) for name, text in record.get("headers", {}).items()]
        while True:
            try:
                producer.produce(topic, value, key, on_delivery=delivered, headers=headers, **optional)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    producer.flush()
    if outcome["errors"]:
        sys.exit("\n".join(outcome["errors"]))
    print(outcome["acknowledged"])


main()
