// Programs that come from PyPI: Rotel, a collector in Rust whose wheel carries the binary, and the OpenTelemetry SDK as a real client.

import { join } from 'node:path'

import { install, installed } from './cache.ts'

export const ROTEL_VERSION = '0.0.1a15'
export const PYTHON_SDK_VERSION = '1.45.2'
const SDK_PACKAGES = ['opentelemetry-sdk', 'opentelemetry-exporter-otlp-proto-grpc', 'opentelemetry-exporter-otlp-proto-http']

/** The path of `rotel-agent`. */
export async function installRotel(): Promise<string> {
  const recipe = [`rotel==${ROTEL_VERSION}`]
  const folder = await installed(`rotel-${ROTEL_VERSION}`, recipe, (target) =>
    pip(target, ['--no-deps', '--target', join(target, 'lib'), ...recipe]),
  )
  return join(folder, 'lib', 'rotel', 'rotel-agent')
}

/** The path of a Python that has the SDK and both OTLP exporters. */
export async function installPythonSdk(): Promise<string> {
  const recipe = SDK_PACKAGES.map((name) => `${name}==${PYTHON_SDK_VERSION}`)
  const folder = await installed(`python-sdk-${PYTHON_SDK_VERSION}`, recipe, (target) => pip(target, recipe))
  return join(folder, 'bin', 'python')
}

async function pip(folder: string, args: readonly string[]): Promise<void> {
  await install('python3', ['-m', 'venv', folder])
  await install(join(folder, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...args])
}
