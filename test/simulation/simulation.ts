import { partitionName } from '../../pipeline/partition.ts';
import type { ExportDirectory } from '../../pipeline/ports.ts';
import { ingestUnits } from './ingesting.ts';
import { Law } from './law.ts';
import type { Mistake } from './mistake.ts';
import { namesDirectory } from './names-directory.ts';
import {
  type History,
  nameOfNumber,
  type Operation,
  partitionsOfUnit,
  type Requested,
  topicPartitions,
} from './operations.ts';
import { SimulatedService } from './service.ts';
import { storeClock } from './simulated-source.ts';
import { memoryStore, type SimulatedStore, settle } from './simulated-store.ts';
import { partitionOf, World } from './world.ts';
import { happens } from './world-operations.ts';

export interface SimulationOptions {
  readonly store?: SimulatedStore;
  readonly mistake?: Mistake;
  /** Where each step is told, line by line. */
  readonly trace?: string[] | null;
}

/** A world, the store in it, the process that has it open, and the law that watches. */
export class Simulation {
  readonly world: World;
  readonly law: Law;
  readonly store: SimulatedStore;
  readonly mistake: Mistake;
  service!: SimulatedService;
  /** The ids of all requests, oldest first. */
  readonly requested: string[] = [];
  readonly #directory: ExportDirectory = namesDirectory();

  private constructor({ setting }: History, { store = memoryStore(), mistake = {}, trace = null }: SimulationOptions) {
    this.world = new World(setting, trace);
    this.law = new Law(this.world);
    this.store = store;
    this.mistake = mistake;
    const { allowedLatenessMs, clockLatenessMs, skewMs } = setting;
    this.world.say(() => `lateness: allowed ${allowedLatenessMs}, clock ${clockLatenessMs}; skew ${skewMs}`);
  }

  static async begin(history: History, options: SimulationOptions): Promise<Simulation> {
    const simulation = new Simulation(history, options);
    const { assigned, isLooked } = history.setting;
    await simulation.#start();
    simulation.assign(assigned);
    if (isLooked && simulation.world.isFollowed) await simulation.lookNow();
    return simulation;
  }

  async run(operation: Operation): Promise<void> {
    await this.#do(operation);
    await settle(this.store);
    const [error] = this.service.errors;
    if (error !== undefined) throw error;
    await this.checkMarks();
  }

  /** The group gives these partitions to this process. */
  assign(partitions: readonly number[]): void {
    const { world, service } = this;
    const known = service.warehouse.sources().partitions;
    world.assign(partitions, partition => known.get(partitionName(partitionOf(partition)))?.nextOffset ?? null);
    for (const partition of world.assigned.keys()) this.law.endedByHand.delete(partition);
    world.say(
      () => `the group gives this process ${[...world.assigned.keys()].map(nameOfNumber).join(', ') || 'nothing'}`,
    );
  }

  /** A look from its beginning to its end, after those that run. */
  async lookNow(): Promise<void> {
    this.service.look();
    await settle(this.store);
    while (this.service.source.isLooking) {
      await this.service.stepLook(false);
      await settle(this.store);
    }
  }

  async ingest(units: readonly number[], records: number, coversUntil: number | null): Promise<void> {
    // Another process would run it, before or after an export takes its snapshot and never while it does.
    for (const id of this.requested) this.service.openSnapshot(id);
    await settle(this.store);
    await ingestUnits(this, { units, records, coversUntil });
  }

  async restart({ crashes, offline }: { readonly crashes: boolean; readonly offline?: Requested }): Promise<void> {
    const { world, law } = this;
    world.say(() => (crashes ? 'the process is killed' : 'the process stops'));
    if (!crashes) {
      await this.service.stop();
      await this.checkMarks();
    }
    await this.store.close();
    for (const one of law.exports.values())
      if (one.stage !== 'recorded') Object.assign(one, { stage: 'waiting', isComplete: false });
    if (this.mistake.seams?.includes('a part counts as declared after a restart') && world.isFollowed)
      world.takenForDeclared = [...world.assigned.keys()];
    const { assigned } = world;
    world.assigned = new Map();
    await this.#start(offline);
    this.assign([...assigned.keys()]);
  }

  async close(): Promise<void> {
    await this.store.close();
  }

  async #start(offline?: Requested): Promise<void> {
    const { world, law, mistake } = this;
    const { allowedLatenessMs: allowedMs, clockLatenessMs: clockMs } = world.setting;
    const lateness = mistake.lateness?.({ allowedMs, clockMs }) ?? { allowedMs, clockMs };
    const clock = storeClock(world);
    const store = await this.store.open({ clock, lateness });
    this.service = new SimulatedService({ world, law, mistake, store, directory: this.#directory, lateness, clock });
    if (mistake.seams?.includes('windows are forgotten at a restart'))
      for (const id of law.exports.keys()) store.warehouse.unwatch(id);
    if (offline !== undefined) await this.service.exportOffline(this.#newRequest(), offline);
    await this.service.start();
    world.say(() => 'a process begins');
  }

  #newRequest(): string {
    const id = `export ${this.requested.length}`;
    this.requested.push(id);
    return id;
  }

  #request(requested: Requested): void {
    this.service.request(this.#newRequest(), requested);
  }

  /** The id of an export by its number from the newest. */
  #idOf(fromNewest: number): string | undefined {
    return this.requested.at(-1 - Math.min(fromNewest, this.requested.length - 1));
  }

  async #do(operation: Operation): Promise<void> {
    const { world, service } = this;
    if ('partition' in operation && operation.op !== 'end by hand' && !world.exists(operation.partition)) return;
    switch (operation.op) {
      case 'damage':
        return service.reader.skip(operation.partition);
      case 'consume':
        return service.reader.consume(operation.partition, operation.records);
      case 'look':
        return world.isFollowed ? service.look() : undefined;
      case 'step look':
        return service.stepLook(operation.fails ?? false);
      case 'save':
        return service.save();
      case 'assign':
        return this.#reassign(operation.partitions, operation.isDeclared);
      case 'end by hand':
        return this.endByHand(operation.partition);
      case 'restart':
        return this.restart(operation);
      case 'ingest':
        return this.ingest(operation.units, operation.records, operation.coversUntil ?? null);
      case 'request':
        return this.#request(operation);
      case 'step':
      case 'give up':
      case 'record':
        return this.#stepExport(operation);
      default:
        return happens(operation, world);
    }
  }

  async #stepExport(operation: Extract<Operation, { op: 'step' | 'give up' | 'record' }>): Promise<void> {
    const id = this.#idOf(operation.export);
    if (id === undefined) return;
    const { service } = this;
    if (operation.op === 'step' && operation.holdsSnapshot === true) service.holdSnapshot(id);
    else service.openSnapshot(id);
    await settle(this.store);
    if (operation.op === 'step') service.step(id);
    else if (operation.op === 'give up') service.giveUp(id);
    else service.record(id, operation.publishes ?? true);
  }

  /** A declared part is a setting, which changes at a restart. */
  async #reassign(partitions: readonly number[], isDeclared: boolean): Promise<void> {
    const { world } = this;
    if (!world.isFollowed) return;
    const declared = isDeclared ? partitions.filter(partition => partition < world.partitions) : null;
    if (declared?.join() !== world.declared?.join()) {
      world.declared = declared;
      world.say(() => `kafka_partitions: ${declared?.join(', ') ?? 'none'}`);
      await this.restart({ crashes: false });
    }
    this.assign(partitions);
  }

  async endByHand(partition: number): Promise<void> {
    const { world, law, service } = this;
    if (partition < topicPartitions) {
      if (await service.endByHand(partition)) law.endedByHand.add(partition);
      return world.say(() => `${nameOfNumber(partition)} is to be ended by hand`);
    }
    const unit = partition - topicPartitions;
    const partitions = partitionsOfUnit(unit);
    const ended = await Promise.all(partitions.map(each => service.endByHand(each)));
    if (ended.includes(true)) law.unitsEndedByHand.add(unit);
    world.say(() => `${partitions.map(nameOfNumber).join(', ')}: to be ended by hand`);
  }

  /** L2: every contradiction has left its mark where the export is completed, and nothing else has. */
  async checkMarks(areAllDone = false): Promise<void> {
    for (const one of this.law.exports.values()) {
      const isDue = areAllDone || (one.contradicted !== null && !one.isMarked);
      if (one.stage !== 'recorded' || !one.isComplete || !isDue) continue;
      const record = await this.service.find(one.id);
      if (record?.state !== 'completed') continue;
      const { changedSince } = record;
      const { contradicted } = one;
      if (contradicted === null && changedSince === null) continue;
      one.isMarked = true;
      const given =
        changedSince && `${partitionName(changedSince)}@${changedSince.offset}, ${changedSince.services} services`;
      const wanted =
        contradicted &&
        `${nameOfNumber(contradicted.partition)}@${contradicted.offset}, ${contradicted.services} services`;
      if (given === wanted) continue;
      const kind = given === null ? 'a contradiction left no mark' : 'the mark is another';
      this.law.violate(
        'L2',
        kind,
        `${one.id} [${one.from},${one.to}): ${given ?? 'none'}; ${wanted ?? 'none'} is right`,
      );
    }
  }
}
