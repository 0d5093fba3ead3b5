import { expect, test } from 'vitest';
import { reportOf } from '../../../connectors/http/export-report.ts';
import { recordedView } from '../../../pipeline/requests/job.ts';
import { recordOf } from '../../contracts/request-store.ts';

test.each([
  ['the folder below the export root', ['/exports'], 'x'],
  ['the export root itself', ['/exports/x'], ''],
  ['nothing where the export root was another one', ['/moved/exports'], null],
  ['nothing where the names only begin alike', ['/exports/x/y'], null],
])('a report tells %s', (_, roots, folder) => {
  const report = reportOf(recordedView(recordOf('one')), roots);
  expect(report.folder).toBe(folder);
});
