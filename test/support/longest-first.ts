import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The folders with the longest files, longest first. */
const long = ['test/faults/', 'test/journeys/', 'test/connectors/duckdb/read/', 'test/connectors/kafka/', 'test/ops/'];

/** Starts long files first, so that at the end of a run no worker waits for another one's long file. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const index = long.findIndex(start => moduleId.includes(`/${start}`));
      return index < 0 ? long.length : index;
    };
    const sorted = await super.sort(files);
    return sorted.toSorted((one, other) => rank(one) - rank(other));
  }
}
