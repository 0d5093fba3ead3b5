import { expect, test } from 'vitest';
import { reportOf } from '../../../connectors/http/export-report.ts';
import { recordedView } from '../../../pipeline/requests/job.ts';
import { recordOf } from '../../contracts/request-store.ts';

// contract 5.8, 5.12
test('a report lists the paths of the files in the spelling of the client, without the manifest, as the answer does', () => {
  const record = recordOf('one');
  const destination = { folder: '/exports/genesys', stem: 'x_', spelled: 'C:/export/x_' };
  const plan = { ...record.plan, destination, names: ['x_1_tasks.csv', 'x_1_manifest.json', 'x_1_services.csv'] };
  const { created } = reportOf(recordedView({ ...record, plan }), ['/exports']);
  expect(created).toEqual(['C:/export/x_1_tasks.csv', 'C:/export/x_1_services.csv']);
});

test.each([
  ['the folder relative to the export root', ['/exports'], 'x'],
  ['an empty text for the export root itself', ['/exports/x'], ''],
  ['null when the export root was another one', ['/moved/exports'], null],
  ['null when the folders only begin with the same name', ['/exports/x/y'], null],
])('a report shows %s', (_, roots, folder) => {
  const report = reportOf(recordedView(recordOf('one')), roots);
  expect(report.folder).toBe(folder);
});
