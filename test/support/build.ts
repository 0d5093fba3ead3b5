import { execFileSync } from 'node:child_process';

/** Compiles before any test of a run, so that tests which start the command never meet an old build. */
export default function build(): void {
  execFileSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' });
}
