import { onTestFinished } from 'vitest';
import { loadKafkaJs } from '../../../connectors/kafka/client/load-kafkajs.ts';
import { TestCluster } from './cluster.ts';
import { startBroker } from './own-servers.ts';

/** A kind of resource and an operation on it, such as `TOPIC READ`. */
export type Right = `${'TOPIC' | 'GROUP'} ${'READ' | 'WRITE' | 'DESCRIBE' | 'DESCRIBE_CONFIGS'}`;

type Pattern = 'LITERAL' | 'PREFIXED';

/** The longest session that a member of a group may ask for. */
export const longestSessionMs = 60_000;

const password = 'secret';
const security = 'org.apache.kafka.common.security';

/** A broker with access control: users have only the rights given here. Clients of the plain listener may do everything. */
export class GuardedBroker {
  readonly cluster: TestCluster;
  readonly address: string;

  private constructor(cluster: TestCluster, address: string) {
    this.cluster = cluster;
    this.address = address;
  }

  /** Starts the broker with these users. It stops when the test ends, or when `stopper` runs its hook. */
  static async start(users: readonly string[], stopper = onTestFinished): Promise<GuardedBroker> {
    const accounts = users.map(user => ` user_${user}="${password}"`).join('');
    const broker = await startBroker(
      {
        listeners: { SASL: 'SASL_PLAINTEXT' },
        properties: {
          'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
          'super.users': 'User:ANONYMOUS',
          'group.max.session.timeout.ms': String(longestSessionMs),
          'sasl.enabled.mechanisms': 'PLAIN',
          'listener.name.sasl.plain.sasl.jaas.config': `${security}.plain.PlainLoginModule required${accounts};`,
        },
      },
      stopper,
    );
    return new GuardedBroker(new TestCluster(broker.brokers), broker.address('SASL'));
  }

  /** Gives a user rights on one topic or group, or on all whose names begin so. */
  async allow(user: string, rights: readonly Right[], name: string, pattern: Pattern = 'LITERAL'): Promise<void> {
    const acl = rights.map(right => aclOf(user, right, name, pattern));
    await this.cluster.withAdmin(admin => admin.createAcls({ acl }));
  }

  async forbid(user: string, right: Right, name: string): Promise<void> {
    const filters = [aclOf(user, right, name)];
    await this.cluster.withAdmin(admin => admin.deleteAcls({ filters }));
  }
}

/** The flags and variables with which a service connects as the user. */
export function accountOf(user: string) {
  return {
    flags: ['--kafka-sasl-mechanism', 'plain', '--kafka-sasl-username', user],
    env: { TIDEMARK_KAFKA_SASL_PASSWORD: password },
  };
}

function aclOf(user: string, right: Right, resourceName: string, pattern: Pattern = 'LITERAL') {
  const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = loadKafkaJs();
  const [resource, operation] = right.split(' ') as [keyof typeof AclResourceTypes, keyof typeof AclOperationTypes];
  return {
    resourceType: AclResourceTypes[resource],
    resourceName,
    resourcePatternType: ResourcePatternTypes[pattern],
    principal: `User:${user}`,
    host: '*',
    operation: AclOperationTypes[operation],
    permissionType: AclPermissionTypes.ALLOW,
  };
}
