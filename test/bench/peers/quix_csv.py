"""quixstreams reads the topic as JSON and writes its records to a CSV file.

Usage: quix_csv.py BROKERS TOPIC EVENTS FILE. Prints {records, seconds, cpu_seconds} as JSON; the start is included.
"""

import csv
import json
import logging
import os
import resource
import sys
import time

began = time.time()
from quixstreams import Application

brokers, topic, events, file = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
names = ["event", "service_id", "timestamp", "state_id", "task_id", "state_type", "task_type", "customer_id", "disposition"]
logging.disable(logging.CRITICAL)
application = Application(broker_address=brokers, consumer_group=f"peer-{os.getpid()}", auto_offset_reset="earliest", loglevel=None)
frame = application.dataframe(application.topic(topic, value_deserializer="json"))
output = open(file, "w", newline="")
writer = csv.writer(output)
read = 0


def write(event):
    global read
    writer.writerow([event.get(name) for name in names])
    read += 1
    if read == events:
        output.close()
        usage = resource.getrusage(resource.RUSAGE_SELF)
        print(json.dumps({"records": read, "seconds": time.time() - began, "cpu_seconds": usage.ru_utime + usage.ru_stime}), flush=True)
        os._exit(0)


frame.update(write)
application.run()
