/** Park–Miller: the same numbers for the same seed, in [0, 1). */
export function seededRandom(seed: number): () => number {
  let state = (Math.abs(Math.trunc(seed)) % 2_147_483_646) + 1;
  const next = () => {
    state = (state * 48_271) % 2_147_483_647;
    return (state - 1) / 2_147_483_646;
  };
  // Small seeds begin with small numbers.
  next();
  return next;
}

/** `TIDEMARK_SEED` repeats a run that failed; without it every run is a new one. */
export function chosenSeed(): number {
  return Number(process.env.TIDEMARK_SEED ?? Math.floor(Math.random() * 2 ** 31));
}
