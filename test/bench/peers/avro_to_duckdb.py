"""The script that a data engineer would write instead: confluent-kafka, fastavro and pyarrow into DuckDB by upserts.

Each service, state and task is a row with a start and an end side; batches of 20,000 events are folded into the last
value of each field and merged by INSERT ... ON CONFLICT. Reads JSON or Avro in the Confluent wire format.
Usage: avro_to_duckdb.py BROKERS TOPIC EVENTS SCHEMA_FOLDER DATABASE FIRST_ID. Prints {records, seconds, cpu_seconds} as JSON.
"""

import io
import json
import os
import resource
import sys
import time

import duckdb
import fastavro
import pyarrow as pa
from confluent_kafka import Consumer

brokers, topic, events, folder, database, ids = sys.argv[1:7]
events = int(events)
kinds = json.loads(ids)
schemas = {}
for kind, schema_id in kinds.items():
    with open(os.path.join(folder, kind + ".avsc")) as file:
        schemas[schema_id] = (kind, fastavro.parse_schema(json.load(file)))

occasion = ["session_id", "interaction_id", "application_type", "application_id", "resource_type", "resource_id", "media_type"]
own = {
    "service": ["service_type", "customer_id", "contact_key", "est_duration", "disposition", "disposition_desc"],
    "state": ["state_type", "previous_state_id", "est_duration", "disposition", "disposition_desc"],
    "task": ["task_type", "state_id", "est_duration", "disposition", "disposition_desc"],
}
columns = {
    entity: own[entity] + [f"start_{name}" for name in occasion + ["timestamp"]] + [f"end_{name}" for name in occasion + ["timestamp"]]
    for entity in own
}
connection = duckdb.connect(database, config={"threads": 2, "memory_limit": "1GB"})
for entity, names in columns.items():
    definitions = ", ".join(f"{name} {'TIMESTAMP_MS' if name.endswith('timestamp') else 'BIGINT' if name == 'est_duration' else 'VARCHAR'}" for name in names)
    connection.execute(f"CREATE TABLE {entity} (service_id VARCHAR, id VARCHAR, {definitions}, PRIMARY KEY (service_id, id))")


def fold(rows, kind, event):
    entity, verb = kind.split(".")
    side = "end" if verb == "completed" else "start"
    row = rows[entity].setdefault((event["service_id"], event.get(f"{entity}_id", "")), {})
    for name in own[entity]:
        if event.get(name) is not None:
            row[name] = event[name]
    for name in occasion:
        if event.get(name) is not None:
            row[f"{side}_{name}"] = event[name]
    if event.get("timestamp") is not None:
        row[f"{side}_timestamp"] = event["timestamp"]


def store(rows):
    connection.begin()
    for entity, of in rows.items():
        if not of:
            continue
        names = columns[entity]
        arrays = [pa.array([key[0] for key in of]), pa.array([key[1] for key in of])]
        for name in names:
            kind = pa.timestamp("ms") if name.endswith("timestamp") else pa.int64() if name == "est_duration" else pa.string()
            arrays.append(pa.array([row.get(name) for row in of.values()], kind))
        batch = pa.Table.from_arrays(arrays, ["service_id", "id"] + names)
        updates = ", ".join(f"{name} = coalesce(excluded.{name}, {name})" for name in names)
        connection.register("batch", batch)
        connection.execute(f"INSERT INTO {entity} SELECT * FROM batch ON CONFLICT (service_id, id) DO UPDATE SET {updates}")
        connection.unregister("batch")
    connection.commit()


consumer = Consumer({"bootstrap.servers": brokers, "group.id": f"peer-{os.getpid()}", "auto.offset.reset": "earliest", "enable.auto.commit": False})
consumer.subscribe([topic])
read, began = 0, None
while read < events:
    messages = consumer.consume(20_000, timeout=1.0)
    if not messages:
        continue
    if began is None:
        began = time.time()
    rows = {"service": {}, "state": {}, "task": {}}
    for message in messages:
        value = message.value()
        if value[0] == 0:
            kind, schema = schemas[int.from_bytes(value[1:5], "big")]
            fold(rows, kind, fastavro.schemaless_reader(io.BytesIO(value[5:]), schema))
        else:
            event = json.loads(value)
            fold(rows, event["event"], event)
    store(rows)
    read += len(messages)
usage = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"records": read, "seconds": time.time() - began, "cpu_seconds": usage.ru_utime + usage.ru_stime}))
consumer.close()
