import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.*;
import org.apache.avro.Schema;
import org.apache.avro.generic.*;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.*;

/**
 * Keeps the table queue_conversation in a map and prints every change.
 *
 * mvn dependency:copy-dependencies
 * KAFKA_BROKERS=localhost:9092 SCHEMA_REGISTRY_URL=http://localhost:8081 java -cp 'target/dependency/*' Consume.java
 */
public class Consume {
  static final String REGISTRY = System.getenv("SCHEMA_REGISTRY_URL");
  static final String TOPIC = System.getenv().getOrDefault("TOPIC_PREFIX", "genesys") + ".queue-conversation.v1";
  static final Map<Integer, Schema> SCHEMAS = new HashMap<>();

  public static void main(String[] args) throws Exception {
    Map<String, GenericRecord> table = new HashMap<>();
    // Without a group: every partition from its beginning.
    Map<String, Object> config = Map.of(
        "bootstrap.servers", System.getenv("KAFKA_BROKERS"), "isolation.level", "read_committed",
        "auto.offset.reset", "earliest");
    try (var consumer = new KafkaConsumer<>(config, new StringDeserializer(), new ByteArrayDeserializer())) {
      var partitions = consumer.partitionsFor(TOPIC).stream().map(p -> new TopicPartition(TOPIC, p.partition())).toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      while (true) {
        for (var record : consumer.poll(Duration.ofSeconds(1))) {
          if (record.value() == null) table.remove(record.key()); // a tombstone: the conversation has ended
          else table.put(record.key(), decode(record.value()));
          System.out.println("{\"id\": \"" + record.key() + "\", \"row\": " + table.get(record.key()) + "}");
        }
      }
    }
  }

  /** Confluent's wire format: a zero byte, the schema's id, Avro. */
  static GenericRecord decode(byte[] value) throws Exception {
    int id = ByteBuffer.wrap(value, 1, 4).getInt();
    if (!SCHEMAS.containsKey(id)) {
      var request = HttpRequest.newBuilder(URI.create(REGISTRY + "/schemas/ids/" + id)).build();
      var body = HttpClient.newHttpClient().send(request, BodyHandlers.ofString()).body();
      SCHEMAS.put(id, new Schema.Parser().parse(new ObjectMapper().readTree(body).get("schema").asText()));
    }
    var decoder = DecoderFactory.get().binaryDecoder(value, 5, value.length - 5, null);
    return new GenericDatumReader<GenericRecord>(SCHEMAS.get(id)).read(null, decoder);
  }
}
