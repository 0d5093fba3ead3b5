/**
 * Begins a transaction in which rowids stay what they are. A checkpoint that merges or drops row groups numbers the rows
 * behind them anew, and others may begin to read while it is running (DuckDB 1.5.5). Whoever deletes or inserts waits for
 * it, were it nothing that they delete, and no checkpoint that is begun until the transaction ends merges or drops anything.
 */
export const beginWithSteadyRowids = 'BEGIN TRANSACTION; DELETE FROM layout WHERE false;';
