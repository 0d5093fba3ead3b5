import { expect, test } from 'vitest';
import { reportOf } from '../../../connectors/http/export-report.ts';
import { recordedView } from '../../../pipeline/requests/job.ts';
import { recordOf } from '../../contracts/request-store.ts';

test.each([
  ['the folder relative to the export root', ['/exports'], 'x'],
  ['an empty text for the export root itself', ['/exports/x'], ''],
  ['null when the export root was another one', ['/moved/exports'], null],
  ['null when the folders only begin with the same name', ['/exports/x/y'], null],
])('a report shows %s', (_, roots, folder) => {
  const report = reportOf(recordedView(recordOf('one')), roots);
  expect(report.folder).toBe(folder);
});
