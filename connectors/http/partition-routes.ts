import type { FastifyInstance } from 'fastify';
import { noQuery, partition, partitionParams, refusalResponses, topicParams } from './schemas.ts';

/** A partition, or with null the topic itself. */
export interface PartitionOrTopic {
  readonly topic: string;
  readonly partition: number | null;
}

interface Partitions {
  partitions(): readonly object[];
  endPartition(partition: PartitionOrTopic, who: string): Promise<void>;
}

const tags = ['partitions'];

/** Routes that list the sources of the database, and end one by hand. */
export function addPartitionRoutes(server: FastifyInstance, partitions: Partitions): void {
  server.get('/partitions', {
    config: { audience: 'reader' },
    schema: {
      summary: 'List the partitions, files and logs that events come from, and up to when each has given its events',
      tags,
      querystring: noQuery,
      response: { 200: { type: 'array', items: partition, description: 'the partitions' }, ...refusalResponses() },
    },
    handler: async () => partitions.partitions(),
  });
  const addEndRoute = (url: string, params: object, summary: string): void => {
    server.post<{ Params: { topic: string; partition?: number } }>(url, {
      config: { audience: 'operator' },
      schema: {
        ...{ summary, tags, params },
        querystring: noQuery,
        response: {
          200: { type: 'array', items: partition, description: 'what was ended, as it is now' },
          ...refusalResponses(404, 409),
        },
      },
      async handler({ params: { topic, partition: number = null }, client }) {
        const ended = { topic, partition: number };
        await partitions.endPartition(ended, client!.client);
        return partitions.partitions().filter(listed => isPartition(listed, ended));
      },
    });
  };
  const consequence = 'so that windows no longer wait for it';
  addEndRoute(
    '/partitions/:topic/:partition/end',
    partitionParams,
    `End a partition by hand, ${consequence}; a later event makes it live again`,
  );
  addEndRoute('/partitions/:topic/end', topicParams, `End a topic that is followed no longer, ${consequence}`);
}

function isPartition(listed: Partial<PartitionOrTopic>, { topic, partition: number }: PartitionOrTopic): boolean {
  return listed.topic === topic && listed.partition === number;
}
