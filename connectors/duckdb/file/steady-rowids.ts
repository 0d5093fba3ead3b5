/**
 * Begins a transaction in which every row keeps its rowid. A checkpoint that merges or drops row groups changes the
 * rowids of the rows after them, and DuckDB 1.5.5 lets reading transactions begin while such a checkpoint is running. A
 * transaction that deletes waits for the checkpoint to end, even when it deletes nothing; until it ends itself, no
 * other checkpoint merges or drops row groups.
 */
export const beginWithSteadyRowids = 'BEGIN TRANSACTION; DELETE FROM layout WHERE false;';
