import { expect, test } from 'vitest';
import { ControlPlace, exportRequest, StatusReader } from '../../support/kafka/control-place.ts';
import { sharedKafka } from '../../support/kafka/shared.ts';
import { checkStatusesOf } from '../../support/kafka/status-checks.ts';

const kafka = await sharedKafka();

test('the control topic asks for a replay, and the status topic tells its states (contract 5.16, 5.18, 5.27)', async () => {
  const place = await ControlPlace.make(kafka);
  const service = place.start();
  const statuses = await StatusReader.open(place);
  await place.ask(['march', { action: 'replay', until: 'now' }], ['april', { action: 'replay', until: 'manifest:x' }]);
  expect(await statuses.ended('march')).toMatchObject({
    action: 'replay',
    status: 'completed',
    created: [],
    error: null,
  });
  checkStatusesOf('march', statuses.of('march'));
  expect(statuses.of('march').map(({ status }) => status)).toEqual(expect.arrayContaining(['accepted', 'running']));
  const refused = await statuses.until('april', ({ sequence }) => sequence === 0);
  expect(refused).toMatchObject({ status: 'failed', error: { code: 'REQUEST_INVALID' } });

  await place.ask(exportRequest('march'), exportRequest('may', { from_replay: 'april' }));
  const conflict = await statuses.until('march', ({ sequence }) => sequence === 0);
  expect(conflict).toMatchObject({ error: { code: 'REQUEST_CONFLICT' } });
  const unknown = await statuses.until('may', ({ sequence }) => sequence === 0);
  expect(unknown).toMatchObject({
    error: { code: 'REQUEST_UNKNOWN', message: 'there is no replay with request id "april"' },
  });

  await place.ask(exportRequest('out', { from_replay: 'march' }));
  expect(await statuses.ended('out')).toMatchObject({ action: 'export', status: 'completed' });
  expect(await service.stop()).toMatchObject({ code: 0 });
});
