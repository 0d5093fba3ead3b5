"""pathway (an engine in Rust) reads the topic as JSON and counts events per service; nothing is stored.

Usage: pathway_count.py BROKERS TOPIC EVENTS. Prints {records, seconds, cpu_seconds} as JSON; the start is included.
"""

import json
import os
import resource
import sys
import time

began = time.time()
import pathway as pw

brokers, topic, events = sys.argv[1], sys.argv[2], int(sys.argv[3])
counts = {}


class Event(pw.Schema):
    service_id: str


def on_change(key, row, time, is_addition):
    if is_addition:
        counts[row["service_id"]] = row["events"]


def finish_when_done():
    if sum(counts.values()) < events:
        return
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"records": events, "seconds": time.time() - began, "cpu_seconds": usage.ru_utime + usage.ru_stime}), flush=True)
    os._exit(0)


table = pw.io.kafka.read(
    {"bootstrap.servers": brokers, "group.id": f"peer-{os.getpid()}", "auto.offset.reset": "earliest", "session.timeout.ms": "6000"},
    topic=topic,
    format="json",
    schema=Event,
    autocommit_duration_ms=500,
)
counted = table.groupby(table.service_id).reduce(table.service_id, events=pw.reducers.count())
pw.io.subscribe(counted, on_change=on_change, on_time_end=lambda _: finish_when_done())
pw.run(monitoring_level=pw.MonitoringLevel.NONE)
