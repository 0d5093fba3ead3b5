"""What the programs that produce through librdkafka have in common."""


def produce(producer, topic, key, value):
    """Produces one record, and waits while the queue of records to be sent is full."""
    while True:
        try:
            return producer.produce(topic, key=key, value=value)
        except BufferError:
            producer.poll(0.1)
