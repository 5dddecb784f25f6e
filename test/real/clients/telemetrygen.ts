// telemetrygen as a client, with the exporters of the SDK for Go: sends a counted number of items of each signal to one target.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

import { installTelemetrygen } from '../servers/telemetrygen.ts'
import type { Target } from './target.ts'

/** Of each signal; a trace is two spans. */
export const TELEMETRYGEN_ITEMS = 40

/** Files in PEM. */
interface Certificates {
  readonly authority: string
  readonly cert?: string
  readonly key?: string
}

/** `run` is an attribute of the resource. Resolves when the program ended well: it fails when an export does. */
export async function sendWithTelemetrygen(run: string, { endpoint, protocol }: Target, certificates?: Certificates): Promise<void> {
  const command = await installTelemetrygen()
  const { host, protocol: scheme } = new URL(endpoint)
  const common = [`--otlp-endpoint=${host}`, '--workers=2', '--rate=1000', '--batch=false', `--otlp-attributes=run="${run}"`]
  const typed = ['text="ünïcode"', 'whole=9007199254740993', 'yes=true', 'list=["a", "b"]'].map((one) => `--telemetry-attributes=${one}`)
  if (scheme === 'http:') common.push('--otlp-insecure')
  if (certificates !== undefined) common.push(`--ca-cert=${certificates.authority}`, '--timeout=2s')
  if (certificates?.cert !== undefined) common.push('--mtls', `--client-cert=${certificates.cert}`, `--client-key=${certificates.key}`)
  if (protocol !== 'grpc') common.push('--otlp-http')
  const each = TELEMETRYGEN_ITEMS / 2
  // Where one fails, the others may try again for a minute: they end with it.
  const failed = new AbortController()
  const sending = (args: readonly string[]): Promise<unknown> =>
    promisify(execFile)(command, args, { timeout: 60_000, signal: failed.signal }).catch((error: unknown) => {
      failed.abort()
      throw error
    })
  await Promise.all(
    [
      ['traces', `--traces=${each / 2}`, '--child-spans=1', '--span-links=2', '--status-code=Error'],
      ['metrics', `--metrics=${each}`, '--metric-type=Histogram', '--aggregation-temporality=delta'],
      [
        'logs',
        `--logs=${each}`,
        '--severity-number=17',
        '--severity-text=ERROR',
        '--body=ein Käse',
        `--trace-id=${'ab'.repeat(16)}`,
        `--span-id=${'cd'.repeat(8)}`,
      ],
    ].map((args) => sending([...args, ...common, ...typed])),
  )
}
