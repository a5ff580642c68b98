import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import java.util.Properties;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.api.RecordMetadata;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * A plain Kafka Streams program that does what the fold does with its events: the same topic in, the same rows of 24 columns
 * and tombstones out, exactly once. Its arguments: brokers, application id, topic of events, topic of rows, folder of the
 * Avro schemas, the five bytes before each row (hex), threads, commit interval (ms), folder for RocksDB.
 * It prints `ready` when it runs, and ends with its standard input.
 */
public final class StreamsFold {
  private static final String STORE = "conversations";
  private static final int FRAME = 5;

  private static final class Fold implements Processor<String, byte[], String, byte[]> {
    private final GenericDatumReader<GenericRecord> reader;
    private final GenericDatumWriter<GenericRecord> writer;
    private final Schema rows;
    private final byte[] frame;
    private ProcessorContext<String, byte[]> context;
    private KeyValueStore<String, byte[]> store;
    private BinaryDecoder decoder;
    private BinaryEncoder encoder;

    Fold(Schema events, Schema rows, byte[] frame) {
      GenericData texts = new GenericData();
      texts.setFastReaderEnabled(true);
      reader = new GenericDatumReader<>(events, events, texts);
      writer = new GenericDatumWriter<>(rows);
      this.rows = rows;
      this.frame = frame;
    }

    @Override
    public void init(ProcessorContext<String, byte[]> given) {
      context = given;
      store = given.getStateStore(STORE);
    }

    @Override
    public void process(Record<String, byte[]> record) {
      try {
        decoder = DecoderFactory.get().binaryDecoder(record.value(), FRAME, record.value().length - FRAME, decoder);
        GenericRecord event = reader.read(null, decoder);
        Conversation conversation = Conversation.of(store.get(record.key()));
        Conversation.Outcome outcome = conversation.fold(record.key(), event);
        store.put(record.key(), conversation.toBytes());
        long receivedAt = (Long) event.get("receivedAt");
        int number = 0;
        if (outcome.row() != null) forward(record.key(), encode(outcome.row()), receivedAt, number++);
        if (outcome.tombstone()) forward(record.key(), null, receivedAt, number);
      } catch (IOException error) {
        throw new UncheckedIOException(error);
      }
    }

    private void forward(String key, byte[] value, long timestamp, int number) {
      RecordMetadata from = context.recordMetadata().orElseThrow();
      String id = from.partition() + "-" + from.offset() + "-" + number;
      Headers headers = new RecordHeaders().add("ce_id", id.getBytes(StandardCharsets.UTF_8));
      context.forward(new Record<>(key, value, timestamp, headers));
    }

    private byte[] encode(Conversation.Row row) throws IOException {
      GenericRecord record = new GenericData.Record(rows);
      Object[] columns = row.columns();
      record.put(0, columns[0]);
      record.put(1, row.updatedAt());
      for (int at = 1; at < columns.length; at++) record.put(at + 1, columns[at]);
      ByteArrayOutputStream bytes = new ByteArrayOutputStream(512);
      bytes.write(frame);
      encoder = EncoderFactory.get().directBinaryEncoder(bytes, encoder);
      writer.write(record, encoder);
      return bytes.toByteArray();
    }
  }

  public static void main(String[] args) throws Exception {
    List<String> given = List.of(args);
    File schemas = new File(given.get(4));
    Schema events = strings(new Schema.Parser().parse(new File(schemas, "conversation-event.avsc")));
    Schema rows = new Schema.Parser().parse(new File(schemas, "queue-conversation.avsc"));
    byte[] frame = HexFormat.of().parseHex(given.get(5));

    Topology topology = new Topology();
    topology.addSource("events", Serdes.String().deserializer(), Serdes.ByteArray().deserializer(), given.get(2));
    topology.addProcessor("fold", () -> new Fold(events, rows, frame), "events");
    topology.addStateStore(
        Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(STORE), Serdes.String(), Serdes.ByteArray()), "fold");
    topology.addSink("rows", given.get(3), Serdes.String().serializer(), Serdes.ByteArray().serializer(), "fold");

    Properties config = new Properties();
    config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, given.get(0));
    config.put(StreamsConfig.APPLICATION_ID_CONFIG, given.get(1));
    config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    config.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, given.get(6));
    config.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, given.get(7));
    config.put(StreamsConfig.STATE_DIR_CONFIG, given.get(8));
    config.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
    config.put("auto.offset.reset", "earliest");

    try (KafkaStreams streams = new KafkaStreams(topology, config)) {
      streams.setStateListener((now, before) -> {
        if (now == KafkaStreams.State.RUNNING) System.out.println("ready");
        if (now == KafkaStreams.State.ERROR) System.exit(1);
      });
      streams.setUncaughtExceptionHandler(error -> {
        error.printStackTrace();
        return org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse.SHUTDOWN_APPLICATION;
      });
      streams.start();
      while (System.in.read() >= 0) {}
    }
  }

  /** Texts as String, not as Avro's Utf8. */
  private static Schema strings(Schema schema) {
    switch (schema.getType()) {
      case STRING -> GenericData.setStringType(schema, GenericData.StringType.String);
      case ARRAY -> strings(schema.getElementType());
      case UNION -> schema.getTypes().forEach(StreamsFold::strings);
      case RECORD -> schema.getFields().forEach(field -> strings(field.schema()));
      default -> {}
    }
    return schema;
  }
}
