// Installs the real servers and clients for `npm run test:real` and the bench: `node test/real/install.ts [collector jaeger prometheus prometheus-old telemetrygen versitygw rotel python]`.

import { lacks } from './servers/cache.ts'
import { installCollector } from './servers/collector.ts'
import { installJaeger } from './servers/jaeger.ts'
import { installOldPrometheus, installPrometheus } from './servers/prometheus.ts'
import { installPythonSdk, installRotel } from './servers/python.ts'
import { installTelemetrygen } from './servers/telemetrygen.ts'
import { installVersitygw } from './servers/versitygw.ts'

const SERVERS = new Map<string, { readonly toolchain: string; install(): Promise<string> }>([
  ['collector', { toolchain: 'go', install: installCollector }],
  ['jaeger', { toolchain: 'go', install: installJaeger }],
  ['prometheus', { toolchain: 'go', install: installPrometheus }],
  ['prometheus-old', { toolchain: 'apt-get', install: installOldPrometheus }],
  ['telemetrygen', { toolchain: 'go', install: installTelemetrygen }],
  ['versitygw', { toolchain: 'go', install: installVersitygw }],
  ['rotel', { toolchain: 'python3', install: installRotel }],
  ['python', { toolchain: 'python3', install: installPythonSdk }],
])

const wanted = process.argv.length > 2 ? process.argv.slice(2) : [...SERVERS.keys()]
for (const name of wanted) {
  const server = SERVERS.get(name)
  if (!server) throw new Error(`install: no server "${name}"; there are ${[...SERVERS.keys()].join(', ')}`)
  const missing = lacks(server.toolchain)
  const began = performance.now()
  const outcome = missing ? `skipped: ${missing}` : await server.install()
  console.log(`${name}: ${outcome} (${((performance.now() - began) / 1000).toFixed(1)} s)`)
}
