import { type Operation, topicPartitions } from './operations.ts';
import type { World } from './world.ts';

/** What happens in the world, whatever the store does. */
type WorldOperation = Extract<
  Operation,
  {
    op:
      | 'tick'
      | 'set clock'
      | 'replicas'
      | 'produce'
      | 'end transaction'
      | 'add partition'
      | 'retention'
      | 'cut'
      | 'write';
  }
>;

export function happens(operation: WorldOperation, world: World): void {
  switch (operation.op) {
    case 'tick':
      world.now += operation.by;
      break;
    case 'set clock':
      world.ahead = operation.ahead;
      break;
    case 'replicas':
      world.setReplicas(operation.partition, operation.lag);
      break;
    case 'produce':
      world.produce(operation);
      break;
    case 'end transaction':
      world.endTransaction(operation.partition, operation.producer, operation.commits);
      break;
    case 'add partition':
      if (world.partitions > 0 && world.partitions < topicPartitions) world.partitions += 1;
      world.say(() => `the topic has ${world.partitions} partitions`);
      break;
    case 'retention':
      world.retain(operation.partition, operation.records);
      break;
    case 'cut':
      world.cut(operation.partition, operation.records);
      break;
    case 'write':
      world.write(operation);
      break;
  }
}
