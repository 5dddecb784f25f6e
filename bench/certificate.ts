// A certificate for the scenarios with TLS, made once a run of the harness and removed with it: nobody here looks whose it is.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

let made: { readonly BENCH_TLS_CERT: string; readonly BENCH_TLS_KEY: string } | undefined

/** The paths of a certificate and its key; needs `openssl` on the path. Empty where there is none: only scenarios with TLS need it. */
export function certificate(): { readonly BENCH_TLS_CERT: string; readonly BENCH_TLS_KEY: string } {
  if (made !== undefined) return made
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const words = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost -keyout ${key} -out ${cert}`
  try {
    execFileSync('openssl', words.split(' '), { stdio: 'ignore' })
    made = { BENCH_TLS_CERT: cert, BENCH_TLS_KEY: key }
  } catch {
    made = { BENCH_TLS_CERT: '', BENCH_TLS_KEY: '' }
  }
  return made
}
