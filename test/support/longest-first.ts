import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The lanes in the order in which they run. The files of a lane follow one another, as a worker stays in its lane. */
const lanes = ['alone', 'slow', 'fast'];

/** Where the longest files of a lane are, longest first. */
const long = [
  ...['test/journeys/golden.', 'test/faults/', 'test/simulation/law-long.', 'test/docs.', 'test/journeys/'],
  ...['test/connectors/duckdb/warehouse-contract.', 'test/connectors/http/', 'test/connectors/kafka/', 'test/ops/'],
  ...['test/pipeline/ingest/fold-law.', 'test/connectors/duckdb/'],
];

/** Starts long files first, so that at the end of a run no worker waits for another one's long file. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId, project }: TestSpecification): number => {
      const index = long.findIndex(start => moduleId.includes(`/${start}`));
      return lanes.indexOf(project.name) * (long.length + 1) + (index < 0 ? long.length : index);
    };
    const sorted = await super.sort(files);
    return sorted.toSorted((one, other) => rank(one) - rank(other));
  }
}
