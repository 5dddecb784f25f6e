// `millrace/client` in a real Chromium, as the package has it and without a bundler: over a WebSocket from another origin, over HTTP through a proxy and from another origin
// with signed and sealed messages, and from a page that goes away at once.

import { execFileSync, spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, extname, join, normalize } from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { httpBackend } from '../backend.ts'
import { running } from '../program.ts'

const ROOT = join(import.meta.dirname, '../..')
const PAGE = readFileSync(join(ROOT, 'docs/client.md'), 'utf8')
const TYPES: Readonly<Record<string, string>> = { '.js': 'text/javascript', '.html': 'text/html' }
const NAMES = ['chromium', 'chromium-browser', 'google-chrome']

function browser(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find((file) => existsSync(file))
}

/** An origin with the package and one page; `/done` takes what a page has to say, `/v1/messages` goes on to Millrace as through a proxy. */
class Site {
  page = ''
  millrace = ''
  readonly origin: string
  readonly #dist: string
  #said = Promise.withResolvers<string>()

  private constructor(origin: string, dist: string) {
    this.origin = origin
    this.#dist = dist
  }

  static async open(t: Test, dist: string): Promise<Site> {
    const server = createServer((request, response) => void site.#answer(request, response))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => {
      server.closeAllConnections()
      server.close()
    })
    const site = new Site(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, dist)
    return site
  }

  /** What a page posts to `/done`, or as messages where there is no Millrace. */
  next(): Promise<string> {
    this.#said = Promise.withResolvers<string>()
    return this.#said.promise
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url = '/', method } = request
    if (method === 'POST' && url === '/done') {
      this.#said.resolve(await text(request))
      return void response.end()
    }
    if (method === 'POST' && this.millrace === '') {
      this.#said.resolve(await text(request))
      return void response.end()
    }
    if (method === 'POST') {
      const headers = { 'content-type': request.headers['content-type'] ?? '' }
      const answer = await fetch(`${this.millrace}${url}`, { method, headers, body: new Uint8Array(await buffer(request)) })
      response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' })
      return void response.end(await answer.text())
    }
    const file = join(this.#dist, normalize(url).replace(/^\/millrace\/dist/, ''))
    if (url.startsWith('/millrace/dist/') && existsSync(file)) {
      response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'text/plain' })
      return void response.end(readFileSync(file))
    }
    response.writeHead(url === '/' ? 200 : 404, { 'content-type': 'text/html' }).end(url === '/' ? this.page : '')
  }
}

/** Faults of the page are said as well, so that a test ends with their text. */
const HARNESS = `<!doctype html><meta charset="utf-8"><script>
  const done = (text) => fetch('/done', { method: 'POST', body: text })
  addEventListener('error', ({ message }) => done('error: ' + message))
  addEventListener('unhandledrejection', ({ reason }) => done('rejection: ' + reason))
  const timer = setInterval(() => {
    const text = document.body?.textContent.trim() ?? ''
    if (!text.startsWith('{')) return
    clearInterval(timer)
    done(text)
  }, 5)
</script><body>`

t.test(
  'the client in Chromium',
  { skip: browser() === undefined && `${NAMES.join(', ')} not found on PATH: Debian has it as chromium` },
  async (t) => {
    const dist = mkdtempSync(join(tmpdir(), 'millrace-dist-'))
    t.teardown(() => rmSync(dist, { recursive: true, force: true }))
    const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
    // Without what the test runner puts into NODE_OPTIONS of every child: the compiler does not start with it.
    execFileSync('env', ['-u', 'NODE_OPTIONS', process.execPath, compiler, '-p', join(ROOT, 'tsconfig.build.json'), '--outDir', dist])
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    const site = await Site.open(t, dist)
    const backend = await httpBackend(t)
    const trust = {
      integrity: 'required',
      signature: 'required',
      encryption: 'required',
      timestamp: 'required',
      senders: { page: { integrity_key: 'of page and receiver', public_key: publicKey.export({ type: 'spki', format: 'pem' }) } },
      encryption_keys: { one: { key: '07'.repeat(32) } },
    }
    const program = await running(
      t,
      `receivers:
  websocket: { endpoint: "127.0.0.1:0", allowed_origins: ["${site.origin}"] }
  mplp: { endpoint: "127.0.0.1:0", cors: { allowed_origins: ["${site.origin}"] }, trust: ${JSON.stringify(trust)} }
exporters: { otlp_http: { endpoint: "http://${backend.address}" } }
service:
  telemetry: { metrics: { level: none } }
  pipelines:
    traces: { receivers: [mplp, websocket], exporters: [otlp_http] }
    metrics: { receivers: [mplp, websocket], exporters: [otlp_http] }
    logs: { receivers: [mplp, websocket], exporters: [otlp_http] }
`,
    )
    const webSocket = program.address('receivers.websocket', 'websocket')
    site.millrace = program.url('receivers.mplp')

    // oxlint-disable-next-line typescript/no-explicit-any -- spans in the plain form of the tests
    const spanOf = async (name: string): Promise<any> => {
      for (;;) {
        // oxlint-disable-next-line typescript/no-explicit-any -- the same
        const found = backend.taken.items('traces').find((span: any) => span.name === name)
        if (found !== undefined) return found
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    }

    await t.test('the page of docs/client.md, over a WebSocket', async (t) => {
      const [, example] = /^```html\n(.*?)^```$/ms.exec(PAGE)!
      site.page = HARNESS + example!.replace('127.0.0.1:4321', webSocket)
      t.same(JSON.parse(await look(t, site)), { made: 2, accepted: 2, rejected: 0, dropped: 0, pending: 0 })
      t.match(await spanOf('click'), { attributes: { page: '/', 'mplp.status': 'completed' }, resource: { 'service.name': 'page' } })
    })

    await t.test('signed and sealed, over HTTP, through a proxy and from another origin', async (t) => {
      const key = JSON.stringify(privateKey.export({ type: 'pkcs8', format: 'pem' }))
      for (const [name, url] of [
        ['proxied', 'location.origin'],
        ['across', JSON.stringify(site.millrace)],
      ] as const) {
        const page = `${HARNESS}<script type="module">
      import { createClient } from '/millrace/dist/client/index.js'
      const keys = { integrity: 'of page and receiver', signature: ${key}, encryption: { keyId: 'one', key: new Uint8Array(32).fill(7) } }
      const faults = []
      const client = createClient({ url: ${url}, service: 'page', sender: { id: 'page' }, keys, onRejected: (one) => faults.push(one), onTrouble: (error) => faults.push(String(error)) })
      const work = client.start('${name}', { attributes: { text: 'früh' } })
      work.recordMetric('clicks', 3)
      work.complete()
      await client.close()
      done(JSON.stringify({ ...client.counts, faults }))
    </script>`
        site.page = page
        t.same(JSON.parse(await look(t, site)), { made: 3, accepted: 3, rejected: 0, dropped: 0, pending: 0, faults: [] })
        t.match(await spanOf(name), { attributes: { text: 'früh' } })
      }
    })

    await t.test('from a page that goes away at once', async (t) => {
      const page = `${HARNESS}<script type="module">
      import { createClient } from '/millrace/dist/client/index.js'
      const client = createClient({ url: location.origin, service: 'page', lingerMs: 3_600_000 })
      client.start('brief').complete()
      location.replace('about:blank')
    </script>`
      const own = await Site.open(t, dist)
      own.page = page
      t.match(await look(t, own), /"operation_name":"brief".*trace\.execution\.complete/s)
    })
  },
)

/** What the page says, in a browser of its own that ends with the test. */
async function look(t: Test, site: Site): Promise<string> {
  const said = site.next()
  const profile = mkdtempSync(join(tmpdir(), 'millrace-chromium-'))
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--remote-debugging-port=0', `--user-data-dir=${profile}`]
  const child = spawn(browser()!, [...flags, `${site.origin}/`], { stdio: ['ignore', 'ignore', 'pipe'] })
  const gone = once(child, 'close')
  let complaints = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (complaints += chunk))
  t.teardown(async () => {
    child.kill()
    await gone
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
  })
  const ended = gone.then(() => Promise.reject(new Error(`Chromium ended: ${complaints}`)))
  return Promise.race([said, ended])
}
