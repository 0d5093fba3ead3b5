/** The answers of `tidemark verify` about a manifest, and the exit code of each (contract 5.22). The first that holds is given. */
export const answerCodes = {
  'manifest changed': 81,
  'files differ': 80,
  'cannot be rebuilt': 83,
  'log differs': 82,
  'other projection': 86,
  'decoded otherwise': 85,
  'order not in the log': 84,
  verified: 0,
} as const;

type Answer = keyof typeof answerCodes;

export interface Verdict {
  readonly answer: Answer;
  /** What holds, in sentences for people; the first is the most important. */
  readonly details: readonly string[];
}

export function verdict(answer: Answer, ...details: readonly string[]): Verdict {
  return { answer, details };
}
