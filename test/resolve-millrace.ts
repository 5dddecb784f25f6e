// In a clone there is no installed `millrace`: examples under test get the sources under its name. .taprc loads this into every test.

import { registerHooks } from 'node:module'
import { resolve } from 'node:path'

const sources: Readonly<Record<string, string>> = {
  millrace: new URL('../core/plugin.ts', import.meta.url).href,
  'millrace/client': new URL('../client/index.ts', import.meta.url).href,
  'millrace/testing': new URL('../core/testing/index.ts', import.meta.url).href,
}

registerHooks({
  resolve(specifier, context, next) {
    const url = sources[specifier]
    return url === undefined ? next(specifier, context) : { url, shortCircuit: true }
  },
})

// .taprc lets Node keep what it makes of sources between the hundreds of processes of a run. Those that start elsewhere find it, too.
if (process.env['NODE_COMPILE_CACHE']) process.env['NODE_COMPILE_CACHE'] = resolve(process.env['NODE_COMPILE_CACHE'])
