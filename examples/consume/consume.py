"""Keeps the table queue_conversation in a dict and prints every change as a line of JSON.

pip install 'confluent-kafka[avro,schemaregistry]==2.16.1'
KAFKA_BROKERS=localhost:9092 SCHEMA_REGISTRY_URL=http://localhost:8081 python consume.py
"""
import json
import os
import uuid

from confluent_kafka import Consumer, KafkaException
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

TOPIC = os.environ.get("TOPIC_PREFIX", "genesys") + ".queue-conversation.v1"

decode = AvroDeserializer(SchemaRegistryClient({"url": os.environ["SCHEMA_REGISTRY_URL"]}))
# A group of its own for each run, in which nothing is committed: the table is read from its beginning.
consumer = Consumer({
    "bootstrap.servers": os.environ["KAFKA_BROKERS"],
    "group.id": f"consume-{uuid.uuid4()}",
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "isolation.level": "read_committed",
})
consumer.subscribe([TOPIC])
table = {}
while True:
    message = consumer.poll(1.0)
    if message is None:
        continue
    if message.error():
        raise KafkaException(message.error())
    key = message.key().decode()
    if message.value() is None:  # a tombstone: the conversation has ended
        table.pop(key, None)
    else:
        table[key] = decode(message.value(), SerializationContext(TOPIC, MessageField.VALUE))
    print(json.dumps({"id": key, "row": table.get(key)}, default=str), flush=True)
