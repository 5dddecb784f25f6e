// TLS and mTLS as exporters speak it, over HTTP and over gRPC: whom they believe, what they show, and certificates that change under load.

import { once } from 'node:events'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { createSecureServer, type ServerHttp2Stream } from 'node:http2'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket, TlsOptions } from 'node:tls'
import t, { type Test } from 'tap'
import { systemClock } from '../clock.ts'
import { TestClock, TestSettings } from '../testing/index.ts'
import { Authority, type Pair } from '../tls/fixtures/certificates.ts'
import { targetOf } from './address.ts'
import { ClientTls } from './client-tls.ts'
import { GrpcSender } from './grpc-sender.ts'
import { HttpSender } from './http-sender.ts'
import type { ClientTlsConfig } from './tls-schema.ts'

const authority = new Authority('ours')
const stranger = new Authority('a stranger')
const folder = mkdtempSync(join(tmpdir(), 'millrace-'))

const configOf = (config: Partial<ClientTlsConfig>): ClientTlsConfig => ({
  insecure: false,
  insecure_skip_verify: false,
  include_system_ca_certs_pool: false,
  min_version: '1.2',
  max_version: '1.3',
  reload_interval: '10s',
  ...config,
})

interface Sender {
  /** Resolves once a request was answered. */
  send(): Promise<void>
  destroy(): Promise<void>
}
interface Transport {
  /** A server that answers, and remembers the name in each request's client certificate. */
  serve(t: Test, options: TlsOptions): Promise<{ readonly url: string; readonly names: string[] }>
  sender(url: string, tls: ClientTls): Sender
}

const nameIn = (socket: TLSSocket): string => {
  const { subject } = socket.getPeerCertificate() as { subject?: { CN?: string } }
  return subject?.CN ?? ''
}

const http: Transport = {
  async serve(t, options) {
    const names: string[] = []
    const server = createHttps(options, (request, response) => {
      names.push(nameIn(request.socket as TLSSocket))
      request.resume().on('end', () => response.end())
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => {
      server.close()
      server.closeAllConnections()
    })
    return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, names }
  },
  sender(origin, tls) {
    const sender = new HttpSender({ origin, tls, maxConnections: 2, idleTimeoutMs: 10_000, connectTimeoutMs: 10_000, clock: systemClock })
    return { send: async () => void (await sender.post('/', {}, [Buffer.from('x')], 60_000)), destroy: () => sender.destroy() }
  },
}

const grpc: Transport = {
  async serve(t, options) {
    const names: string[] = []
    const server = createSecureServer(options)
    const sockets = new Set<TLSSocket>()
    server.on('secureConnection', (socket) => void sockets.add(socket))
    server.on('stream', (stream: ServerHttp2Stream) => {
      names.push(nameIn(stream.session!.socket as TLSSocket))
      stream.on('error', () => {})
      stream.resume().on('end', () => stream.respond({ ':status': 200, 'grpc-status': '0' }, { endStream: true }))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => {
      server.close()
      for (const socket of sockets) socket.destroy()
    })
    return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, names }
  },
  sender(url, tls) {
    const keepalive = { timeMs: Infinity, timeoutMs: 10_000, withoutCalls: false }
    const { host: name } = new URL(url)
    const sender = new GrpcSender({
      target: targetOf(new URL(url)),
      authority: name,
      tls,
      keepalive,
      connectTimeoutMs: 10_000,
      clock: systemClock,
    })
    return {
      send: async () => void (await sender.unary('/a/b', {}, [Buffer.from('x')], undefined, 60_000)),
      destroy: () => sender.destroy(),
    }
  },
}

for (const [name, transport] of Object.entries({ http, grpc })) {
  t.test(name, async (t) => {
    const send = async (t: Test, url: string, config: Partial<ClientTlsConfig>): Promise<void> => {
      const sender = transport.sender(url, new ClientTls(configOf(config), systemClock, new TestSettings('tls').log))
      t.teardown(() => sender.destroy())
      await sender.send()
    }

    t.test('only who shows a certificate of a known authority, for the right name, is believed', async (t) => {
      const { url, names } = await transport.serve(t, authority.sign())
      const retryable = (message: RegExp): { readonly name: string; readonly message: RegExp } => ({ name: 'RetryableError', message })
      await t.rejects(send(t, url, {}), retryable(/unable to verify|self-signed|issuer/))
      await t.rejects(send(t, url, { ca_pem: stranger.cert }), retryable(/unable to verify|signature|issuer/))
      await t.rejects(send(t, url, { ca_pem: authority.cert, server_name_override: 'elsewhere' }), retryable(/altnames|elsewhere/))
      t.equal(names.length, 0, 'nothing was sent to a stranger')
      await send(t, url, { ca_pem: authority.cert })
      await send(t, url, { ca_pem: authority.cert, server_name_override: 'localhost' })
      await send(t, url, { ca_pem: authority.cert, include_system_ca_certs_pool: true })
      await send(t, url, { insecure_skip_verify: true })
      t.equal(names.length, 4)
    })

    t.test('a certificate that has ended, or is for clients, is not believed', async (t) => {
      const over = await transport.serve(t, authority.sign({ notAfter: new Date(Date.now() - 1000) }))
      await t.rejects(send(t, over.url, { ca_pem: authority.cert }), { message: /expired/ })
      const client = await transport.serve(t, authority.sign({ usage: 'client' }))
      await t.rejects(send(t, client.url, { ca_pem: authority.cert }), { message: /purpose/ })
    })

    t.test('versions of TLS are as configured', async (t) => {
      const { url } = await transport.serve(t, { ...authority.sign(), maxVersion: 'TLSv1.2' })
      await send(t, url, { ca_pem: authority.cert })
      await t.rejects(send(t, url, { ca_pem: authority.cert, min_version: '1.3' }), { name: 'RetryableError' })
    })

    t.test('certificates that change under load lose no request', async (t) => {
      const { url, names } = await transport.serve(t, {
        ...authority.sign(),
        ca: authority.cert,
        requestCert: true,
        rejectUnauthorized: true,
      })
      const [cert_file, key_file] = [join(folder, `${name}-cert.pem`), join(folder, `${name}-key.pem`)]
      const write = ({ cert, key }: Pair): void => {
        writeFileSync(key_file, key)
        writeFileSync(cert_file, cert)
      }
      write(authority.sign({ name: 'the first', usage: 'client' }))
      const clock = new TestClock()
      const settings = new TestSettings('tls', clock)
      const sender = transport.sender(url, new ClientTls(configOf({ ca_pem: authority.cert, cert_file, key_file }), clock, settings.log))
      t.teardown(() => sender.destroy())
      const over = new AbortController()
      const senders = Array.from({ length: 4 }, async () => {
        while (!over.signal.aborted) await sender.send()
      })
      while (names.length < 20) await new Promise(setImmediate)
      write(authority.sign({ name: 'the second', usage: 'client' }))
      await clock.advance(10_000)
      while (names.filter((each) => each === 'the second').length < 20) await new Promise(setImmediate)
      over.abort()
      await Promise.all(senders)
      const from = names.indexOf('the second')
      t.ok(from >= 20)
      t.ok(
        names.slice(from + 8).every((each) => each === 'the second'),
        'but for what was on its way, all show the new one',
      )

      writeFileSync(cert_file, 'nonsense')
      await clock.advance(10_000)
      await sender.send()
      t.equal(names.at(-1), 'the second')
      t.match(settings.lines.at(-1), { level: 'warn', message: /the old ones stay/ })
    })

    t.test('a server that asks for a certificate and gets none, or a wrong one, takes nothing', async (t) => {
      const { url, names } = await transport.serve(t, {
        ...authority.sign(),
        ca: authority.cert,
        requestCert: true,
        rejectUnauthorized: true,
      })
      await t.rejects(send(t, url, { ca_pem: authority.cert }), { name: 'RetryableError' })
      const { cert, key } = stranger.sign({ usage: 'client' })
      await t.rejects(send(t, url, { ca_pem: authority.cert, cert_pem: cert, key_pem: key }), { name: 'RetryableError' })
      t.equal(names.length, 0)
    })
  })
}

t.test('a file that is not there is an error that names its key', async (t) => {
  const make = (): ClientTls => new ClientTls(configOf({ ca_file: join(folder, 'nothing.pem') }), systemClock, new TestSettings('tls').log)
  t.throws(make, { message: /ca_file .*there is no such file/ })
})
