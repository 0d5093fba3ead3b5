import type { Writing } from '../../pipeline/export/export-files.ts';
import type { ExportRecord, RequestStore } from '../../pipeline/export/request.ts';
import type { SnapshotReader } from '../../pipeline/export/snapshot.ts';
import type { Warehouse } from '../../pipeline/ingest/warehouse.ts';
import type { Gates } from './gates.ts';
import type { Law } from './law.ts';
import type { Mistake } from './mistake.ts';
import { override } from './override.ts';
import type { OpenedStore } from './simulated-store.ts';
import { tickOf, type World } from './world.ts';

interface Told {
  readonly world: World;
  readonly law: Law;
  readonly mistake: Mistake;
  readonly gates: Gates;
  /** What could be read at the look of the request that is being accepted. */
  readonly stableAtAcceptance: () => readonly number[];
  /** Resolves when an export may open its snapshot. */
  readonly beforeSnapshot: (requestId: string) => Promise<void>;
  /** Judges an export again; only for the mistake that does so. */
  readonly judgeAgain: (record: ExportRecord) => 'complete' | 'provisional';
}

/** The store of a process: the law is told what it does, and a verdict is recorded only when an operation says so. */
export function toldStore(store: OpenedStore, told: Told) {
  const { law, mistake } = told;
  let watched = '';
  const warehouse: Warehouse = override(store.warehouse, {
    async store(batch) {
      const contradicted = await store.warehouse.store(batch);
      law.stores(batch.facts);
      return contradicted;
    },
  });
  const late = new Map<string, () => void>();
  const watches = new Map<string, () => void>();
  const contradictions: Writing['contradictions'] = {
    watch(window) {
      watched = window.requestId;
      const watch = (): void => store.warehouse.watch(window);
      if (mistake.seams?.includes('a window is watched from the record on')) late.set(watched, watch);
      else watch();
      watches.set(watched, watch);
    },
    unwatch(requestId) {
      store.warehouse.unwatch(requestId);
      watches.delete(requestId);
    },
  };
  const snapshots: SnapshotReader = {
    async snapshot(selection, layout) {
      // The watch begins just before the snapshot is asked for.
      const one = law.exports.get(watched)!;
      await told.beforeSnapshot(one.id);
      law.takesSnapshot(one);
      return store.snapshots.snapshot(selection, layout);
    },
  };
  const requests = toldRequests(store.requests, told, requestId => late.get(requestId)?.());
  return { warehouse, contradictions, snapshots, requests, watches };
}

function toldRequests(
  real: RequestStore,
  { world, law, mistake, gates, stableAtAcceptance, judgeAgain }: Told,
  onRecorded: (requestId: string) => void,
): RequestStore {
  return override(real, {
    async insert(record, control) {
      await real.insert(record, control);
      const { timeFrom, filterEvents, filterState, wait } = record.plan.parameters;
      const [from, to] = [tickOf(timeFrom), tickOf(record.plan.timeTo)];
      const window = { id: record.requestId, from, to, back: 0, length: to - from };
      const nothing = { isComplete: false, isLive: false, reasons: [], endedTime: null, contradicted: null };
      law.exports.set(record.requestId, {
        ...{ ...window, ...nothing, events: filterEvents, state: filterState, wait, stage: 'waiting' },
        ...{ isMarked: false, given: [], scope: new Set(), lookedStable: stableAtAcceptance() },
      });
      world.say(() => `${record.requestId} is accepted: [${from},${to}) ${filterEvents} ${filterState} wait=${wait}`);
    },
    async update(requestId, change) {
      if (change.state !== 'publishing') return real.update(requestId, change);
      const one = law.exports.get(requestId)!;
      const { status, reasons } = change.manifest!;
      world.say(() => `${requestId} has its snapshot and is ${[status, ...reasons].join('; ')}`);
      law.isJudged(one, change.manifest!);
      await gates.pass(`record ${requestId}`);
      const judged = mistake.seams?.includes('the verdict is read after the snapshot')
        ? { ...change, manifest: { ...change.manifest!, status: judgeAgain((await real.find(requestId))!) } }
        : change;
      const marksAll = mistake.seams?.includes('batches before the snapshot mark too') ? { snapshotBatch: 0 } : {};
      const updated = await real.update(requestId, { ...judged, ...marksAll });
      if (updated === null) return null;
      one.isComplete = judged.manifest!.status === 'complete';
      one.stage = 'recorded';
      world.say(() => `${requestId} is recorded as ${judged.manifest!.status}`);
      onRecorded(requestId);
      return updated;
    },
  });
}
