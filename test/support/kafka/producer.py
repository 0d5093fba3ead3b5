"""Confluent's Python producer (librdkafka), told by lines of JSON on standard input, each a record.

Argument: JSON of {topic, settings, avro: {registry, schema, subjects} or absent}. With avro a value is the object that
Confluent's serializer encodes and whose schema it registers. Prints how many records were acknowledged.
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


def avro_encoder(topic, avro):
    client = SchemaRegistryClient({"url": avro["registry"]})
    conf = {"subject.name.strategy": STRATEGIES[avro.get("subjects", "topic")]}
    serializer = AvroSerializer(client, avro["schema"], conf=conf)
    return lambda value: serializer(value, SerializationContext(topic, MessageField.VALUE))


def text_or_bytes(record, name):
    if record.get(name + "Base64") is not None:
        return base64.b64decode(record[name + "Base64"])
    return record[name].encode() if record.get(name) is not None else None


def main():
    told = json.loads(sys.argv[1])
    topic, avro = told["topic"], told.get("avro")
    encode = avro_encoder(topic, avro) if avro else None
    producer = Producer(told["settings"])
    outcome = {"acknowledged": 0, "errors": []}

    def delivered(error, _message):
        if error is None:
            outcome["acknowledged"] += 1
        else:
            outcome["errors"].append(str(error))

    for line in sys.stdin:
        record = json.loads(line)
        value = encode(record["value"]) if encode and record.get("value") is not None else text_or_bytes(record, "value")
        optional = {name: record[name] for name in ("partition", "timestamp") if record.get(name) is not None}
        headers = [(name, text.encode()) for name, text in record.get("headers", {}).items()]
        while True:
            try:
                producer.produce(
                    topic, value, text_or_bytes(record, "key"), on_delivery=delivered, headers=headers, **optional
                )
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    producer.flush()
    if outcome["errors"]:
        sys.exit("\n".join(outcome["errors"]))
    print(outcome["acknowledged"])


main()
