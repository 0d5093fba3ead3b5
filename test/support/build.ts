import { execFileSync } from 'node:child_process';

/**
 * Compiles before any test of a run, so that tests which start the command never meet an old build. It deletes nothing, so
 * that two runs at the same time do not take files from each other.
 */
export default function build(): void {
  execFileSync('npm', ['run', '--silent', 'compile'], { stdio: 'inherit' });
}
