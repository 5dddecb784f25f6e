// Certificates and keys from files: every mistake in words, and changes taken up without a restart.

import { once } from 'node:events'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type ConnectionOptions, connect, createServer, type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { TestClock } from '../testing/test-clock.ts'
import { TestSettings } from '../testing/settings.ts'
import { Authority, type Pair } from './fixtures/certificates.ts'
import { type ServerTlsConfig, serverTlsFaults, tlsFaults } from './schema.ts'
import { TlsFiles } from './tls-files.ts'

const DAY_MS = 86_400_000
const DEFAULTS = { min_version: '1.2', max_version: '1.3', reload_interval: '10s', client_ca_file_reload: true } as const
const authority = new Authority()

interface Folder {
  readonly settings: TestSettings
  readonly clock: TestClock
  readonly write: (name: string, text: string) => string
  readonly files: (config: Partial<ServerTlsConfig>) => TlsFiles
}

function folder(t: Test): Folder {
  const path = t.testdir()
  const clock = new TestClock()
  clock.wallStartMs = Date.now()
  const settings = new TestSettings('otlp', clock)
  return {
    settings,
    clock,
    write(name, text) {
      const file = join(path, name)
      writeFileSync(file, text)
      return file
    },
    files(config) {
      const { client_ca_file: file, client_ca_pem: pem } = config
      return new TlsFiles({ ...DEFAULTS, ...config }, { name: 'client_ca', file, pem, reload: true }, clock, settings.log)
    },
  }
}

const warnings = ({ lines }: TestSettings): string[] => lines.filter(({ level }) => level === 'warn').map(({ message }) => message)

t.test('a certificate and its key become the options of a context', (t) => {
  const { files, write, settings } = folder(t)
  const { cert, key } = authority.sign()
  const fromFiles = files({ cert_file: write('a.crt', cert), key_file: write('a.key', key), client_ca_file: write('ca', authority.cert) })
  t.same(fromFiles.read(), { cert, key, ca: authority.cert, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' })
  const suite = 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'
  const inline = files({ cert_pem: cert, key_pem: key, cipher_suites: [suite], min_version: '1.3' }).read()
  t.match(inline, { cert, key, minVersion: 'TLSv1.3', ciphers: /^TLS_AES_128.*:ECDHE-ECDSA-AES128-GCM-SHA256$/ })
  t.same(files({}).read(), { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' }, 'a client may have no certificate')
  t.same(warnings(settings), [])
  t.end()
})

t.test('every mistake names its key and says what would be accepted', (t) => {
  const { files, write } = folder(t)
  const { cert, key } = authority.sign()
  const cert_file = write('a.crt', cert)
  const key_file = write('a.key', key)
  const mistakes: [Partial<ServerTlsConfig>, RegExp][] = [
    [{ cert_file: '/nowhere/a.crt', key_file }, /^cert_file "\/nowhere\/a.crt" cannot be read: there is no such file$/],
    [{ cert_file: t.testdirName, key_file }, /^cert_file ".*" cannot be read: it is a folder$/],
    [{ cert_file, key_file: '/nowhere/a.key' }, /^key_file .* there is no such file$/],
    [{ cert_file: key_file, key_file }, /^cert_file ".*a.key" has no certificate; accepted: PEM/],
    [{ cert_file, key_file: cert_file }, /^key_file ".*a.crt" has no private key; accepted: PEM/],
    [
      { cert_file, key_file: write('other.key', authority.sign().key) },
      /^key_file ".*other.key" is not the key of the certificate in cert_/,
    ],
    [{ cert_pem: cert, key_pem: authority.sign().key }, /^key_pem is not the key of the certificate in cert_pem$/],
    [{ cert_pem: cert.replace('\n', '\nAAAA'), key_pem: key }, /^cert_pem: certificate 1 cannot be read/],
    [{ cert_pem: cert, key_pem: key.replace('\n', '\nAAAA') }, /^key_pem cannot be read as a private key$/],
    [
      { cert_pem: cert, key_pem: key.replaceAll('PRIVATE', 'ENCRYPTED PRIVATE') },
      /^key_pem has a passphrase; accepted: a key without one$/,
    ],
    [{ cert_pem: cert, key_pem: key, client_ca_pem: key }, /^client_ca_pem has no certificate/],
  ]
  for (const [config, message] of mistakes) t.throws(() => files(config).read(), { message })
  t.end()
})

t.test('a certificate that is not good now is a warning', (t) => {
  const { files, settings } = folder(t)
  const read = ({ cert, key }: Pair): unknown => files({ cert_pem: cert, key_pem: key }).read()
  read(authority.sign({ notAfter: new Date(Date.now() - DAY_MS / 2) }))
  read(authority.sign({ notBefore: new Date(Date.now() + DAY_MS / 2) }))
  t.match(warnings(settings), [/^the certificate in cert_pem expired on 20/, /^the certificate in cert_pem is not valid before 20/])
  t.end()
})

t.test('what a schema cannot say is checked before anything starts', (t) => {
  const cert = { cert_file: 'a', key_file: 'b' }
  const faults = (config: Partial<ServerTlsConfig>): unknown => serverTlsFaults({ ...DEFAULTS, ...config })
  t.same(faults(cert), [])
  t.same(tlsFaults(DEFAULTS), [], 'a client may have no certificate')
  t.match(faults({}), [{ path: [], message: /a server needs a certificate/ }])
  t.match(faults({ cert_file: 'a' }), [{ message: /certificate without its key/ }])
  t.match(faults({ key_file: 'a' }), [{ message: /key without its certificate/ }])
  t.match(faults({ ...cert, cert_pem: 'c', key_pem: 'd', client_ca_file: 'e', client_ca_pem: 'f' }), [
    { path: ['cert_pem'] },
    { path: ['key_pem'] },
    { path: ['client_ca_pem'] },
  ])
  t.match(faults({ ...cert, min_version: '1.3', max_version: '1.2' }), [{ path: ['min_version'], message: /1.3 is newer than/ }])
  t.match(faults({ ...cert, cipher_suites: ['TLS_RSA_WITH_RC4_128_SHA'] }), [
    { path: ['cipher_suites', 0], message: /found "TLS_RSA_WITH_RC4_128_SHA"; accepted: TLS_ECDHE/ },
  ])
  t.end()
})

t.test('changed files are taken up, a broken pair is not, and says so once', async (t) => {
  const { files, write, clock, settings } = folder(t)
  const old = authority.sign()
  const cert_file = write('a.crt', old.cert)
  const key_file = write('a.key', old.key)
  const taken: unknown[] = []
  const watched = files({ cert_file, key_file })
  watched.read()
  watched.watch(({ cert }) => taken.push(cert))
  await clock.advance(30_000)
  t.same(taken, [], 'nothing has changed')

  const renewed = authority.sign()
  write('a.crt', renewed.cert) // its key comes later
  await clock.advance(30_000)
  t.same(taken, [])
  t.same(warnings(settings), ['changed certificates cannot be used; the old ones stay'])
  writeFileSync(`${key_file}.new`, renewed.key)
  renameSync(`${key_file}.new`, key_file)
  await clock.advance(10_000)
  t.same(taken, [renewed.cert])

  rmSync(key_file)
  await clock.advance(30_000)
  t.equal(warnings(settings).length, 2)
  watched.stop()
  t.equal(clock.pending, 0)
})

t.test('with an interval of 0 nothing is looked at again', (t) => {
  const { files, write, clock } = folder(t)
  const { cert, key } = authority.sign()
  const never = files({ cert_file: write('a.crt', cert), key_file: write('a.key', key), reload_interval: '0s' })
  never.read()
  never.watch(() => t.fail('it was read again'))
  t.equal(clock.pending, 0)
  t.end()
})

/** The name in the certificate that a server shows, or how it refused. */
function handshake(port: number, options: ConnectionOptions = {}): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const socket = connect({ port, host: '127.0.0.1', ca: authority.cert, ...options })
  // A server of TLS 1.3 judges a client's certificate after the client has done its part: only data says that it was taken.
  socket.once('data', () => resolve(String(socket.getPeerCertificate().subject.CN)))
  socket.once('error', () => {})
  socket.once('close', () => resolve('refused'))
  return promise.finally(() => socket.destroy())
}

t.test('a server shows the renewed certificate, and connections that stand are kept', async (t) => {
  const { files, write, clock } = folder(t)
  const first = authority.sign({ name: 'first' })
  const watched = files({ cert_file: write('a.crt', first.cert), key_file: write('a.key', first.key) })
  const server = createServer(watched.read(), (socket: TLSSocket) => socket.on('error', () => {}).write('hello'))
  watched.watch((options) => server.setSecureContext(options))
  t.teardown(() => (watched.stop(), server.close()))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  t.equal(await handshake(port), 'first')
  const standing = connect({ port, host: '127.0.0.1', ca: authority.cert })
  t.teardown(() => standing.destroy())
  await once(standing, 'data')

  const second = authority.sign({ name: 'second' })
  write('a.crt', second.cert)
  write('a.key', second.key)
  await clock.advance(10_000)
  t.equal(await handshake(port), 'second')
  t.equal(standing.destroyed, false)
})

t.test('the certificates of these tests are refused where they should be', async (t) => {
  const { cert, key } = authority.sign()
  const server = createServer({ cert, key, ca: authority.cert, requestCert: true, rejectUnauthorized: true }, (socket) =>
    socket.on('error', () => {}).write('hello'),
  )
  server.on('tlsClientError', () => {})
  t.teardown(() => server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  t.equal(await handshake(port, authority.sign({ usage: 'client' })), 'localhost')
  const refused: [string, Pair | object][] = [
    ['none', {}],
    ['expired', authority.sign({ usage: 'client', notAfter: new Date(Date.now() - 1000) })],
    ['for servers', authority.sign({ usage: 'server' })],
    ['another authority', new Authority().sign({ usage: 'client' })],
  ]
  for (const [name, pair] of refused) t.equal(await handshake(port, pair), 'refused', name)
})
