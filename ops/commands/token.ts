import { Command, Option } from 'commander';
import { type Role, roles } from '../../connectors/http/access.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import { withExamples } from '../command.ts';
import { openOutput } from '../output.ts';
import { lineOf, newToken } from '../service/access.ts';
import { tokenLine } from '../settings/kinds.ts';

const examples = ['tidemark token nightly-load --role exporter', 'tidemark token prometheus --role operator --json'];

/** `tidemark token`: a new token for HTTP, shown once, and the line for the settings that admits its holder. */
export function tokenCommand(): Command {
  const command = new Command('token')
    .description('make a token for HTTP; it is shown once and stored nowhere')
    .argument('<name>', 'the name of its holder: letters, digits and . _ -')
    .addOption(new Option('--role <role>', 'what its holder may do').choices([...roles]).default('reader'))
    .option('--json', 'print results as JSON, for machines', false);
  return withExamples(command, examples).action((name: string, { role, json }: { role: Role; json: boolean }) => {
    const token = newToken();
    const line = lineOf(name, role, token);
    if (!tokenLine.test(line))
      throw new TidemarkError(
        'USAGE',
        `the name ${JSON.stringify(name)} is not usable; allowed are 1 to 64 of A-Z a-z 0-9 . _ -`,
      );
    const output = openOutput(json);
    if (json) output.result(JSON.stringify({ name, role, token, line }));
    else output.result(`token: ${token}\nline for http_tokens or http_tokens_file: ${line}`);
  });
}
