import { finish } from './finish.ts';
import type { Violation } from './law.ts';
import type { History } from './operations.ts';
import { Simulation, type SimulationOptions } from './simulation.ts';

export interface Outcome {
  readonly violations: readonly Violation[];
  readonly exports: number;
  readonly complete: number;
}

/** Runs a history, brings it to its end, and judges it by the law. */
export async function simulate(history: History, options: SimulationOptions = {}): Promise<Outcome> {
  const simulation = await Simulation.begin(history, options);
  for (const operation of history.operations) await simulation.run(operation);
  await finish(simulation);
  await simulation.close();
  const judged = [...simulation.law.exports.values()].filter(({ stage }) => stage === 'recorded');
  return {
    violations: simulation.law.violations,
    exports: judged.length,
    complete: judged.filter(({ isComplete }) => isComplete).length,
  };
}
