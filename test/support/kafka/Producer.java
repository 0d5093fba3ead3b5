import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Sends records with Kafka's own Java producer. Each line of standard input is JSON: a record, or {"end": "commit" | "abort" | "flush"}.
 * Arguments: the topic, then settings of the producer as name=value. With a transactional.id a transaction begins with
 * the first record after an end; a last one without an end stays open.
 */
public class Producer {
  private static final ObjectMapper json = new ObjectMapper();

  public static void main(String[] args) throws Exception {
    Properties settings = new Properties();
    for (int at = 1; at < args.length; at += 1) {
      String[] pair = args[at].split("=", 2);
      settings.put(pair[0], pair[1]);
    }
    boolean transactional = settings.containsKey("transactional.id");
    List<Future<RecordMetadata>> sent = new ArrayList<>();
    ByteArraySerializer bytes = new ByteArraySerializer();
    KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings, bytes, bytes);
    if (transactional) producer.initTransactions();
    boolean open = false;
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      JsonNode order = json.readTree(line);
      if (!order.has("end")) {
        if (transactional && !open) producer.beginTransaction();
        open = transactional;
        sent.add(producer.send(record(args[0], order)));
        continue;
      }
      producer.flush();
      String end = order.get("end").asText();
      if (end.equals("commit")) producer.commitTransaction();
      if (end.equals("abort")) producer.abortTransaction();
      if (!end.equals("flush")) open = false;
    }
    producer.flush();
    for (Future<RecordMetadata> one : sent) one.get();
    System.out.println(sent.size());
    // Closing would abort an open transaction.
    System.out.flush();
    Runtime.getRuntime().halt(0);
  }

  private static ProducerRecord<byte[], byte[]> record(String topic, JsonNode order) {
    Integer partition = order.hasNonNull("partition") ? order.get("partition").asInt() : null;
    Long timestamp = order.hasNonNull("timestamp") ? order.get("timestamp").asLong() : null;
    ProducerRecord<byte[], byte[]> record =
        new ProducerRecord<>(topic, partition, timestamp, bytes(order, "key"), bytes(order, "value"));
    if (order.has("headers"))
      order.get("headers").fields().forEachRemaining(
          header -> record.headers().add(header.getKey(), header.getValue().asText().getBytes(StandardCharsets.UTF_8)));
    return record;
  }

  private static byte[] bytes(JsonNode order, String name) {
    if (order.hasNonNull(name + "Base64")) return Base64.getDecoder().decode(order.get(name + "Base64").asText());
    return order.hasNonNull(name) ? order.get(name).asText().getBytes(StandardCharsets.UTF_8) : null;
  }
}
