import { createSecretKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { ANONYMOUS, type Origin } from '../batch.ts'
import type { ServerAuthenticator } from '../component.ts'
import { UnauthenticatedError } from '../errors.ts'
import { TestClock, TestSettings } from '../testing/index.ts'
import { canonicalJson } from './canonical-json.ts'
import { MessageTrust } from './message-trust.ts'
import { integrityProof, provedText } from './proofs.ts'
import { sealMessage } from './sealed-payload.ts'
import { signMessage } from './sign-message.ts'
import { type TrustConfig, trustFaults } from './trust-schema.ts'
import type { JsonObject, Verdict } from './verdict.ts'

const ed = generateKeyPairSync('ed25519')
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const SHARED = 'shared with the receiver'
const SEALING = Buffer.alloc(32, 7)
const pem = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' })

const OFF: TrustConfig = {
  authentication: 'off',
  timestamp: 'off',
  max_age: '5m',
  max_ahead: '1m',
  integrity: 'off',
  signature: 'off',
  encryption: 'off',
  senders: {},
  encryption_keys: {},
}
const MESSAGE: JsonObject = {
  message_type: 'trace.execution.start',
  message_id: 'msg-1',
  timestamp: '2026-01-01T00:00:00.000Z',
  sender: { sender_id: 'planner', sender_type: 'service_instance' },
  payload: { trace_start: { trace_id: 'trace-1', span_id: 'span-1', weight: 0.1, note: 'früh' } },
}

function trust(config: Partial<TrustConfig>, more: { clock?: TestClock; authenticator?: ServerAuthenticator } = {}): MessageTrust {
  const settings = new TestSettings('mplp', more.clock)
  const made = new MessageTrust({ ...OFF, ...config }, { clock: settings.clock, log: settings.log, ...more })
  made.start()
  return made
}
/** Of what needs no waiting. */
function verdict(trust: MessageTrust, message: JsonObject, origin: Origin = ANONYMOUS): Verdict {
  return trust.check(message, origin) as Verdict
}
const without = (message: JsonObject, member: string): JsonObject =>
  Object.fromEntries(Object.entries(message).filter(([key]) => key !== member))
const withSecurity = (message: JsonObject, more: object): JsonObject => ({
  ...message,
  security: { ...(message['security'] as object), ...more },
})

function refused(t: Test, found: Verdict, path: string, kind: string, what?: string): void {
  t.match(found, { ok: false, kind, reasons: [{ path, message: String }] }, what ?? path)
}

t.test('with everything off a message is as it came, whatever it says of itself', (t) => {
  const all = trust({})
  const published = withSecurity(MESSAGE, {
    message_signature: 'sha256:1a2b3c...',
    encryption: 'aes-256-gcm',
    integrity_check: 'hmac-sha256:7g8h...',
  })
  for (const message of [MESSAGE, published, without(MESSAGE, 'sender'), { ...MESSAGE, security: 7, sender: null }]) {
    t.strictSame(verdict(all, message), { ok: true, message, origin: ANONYMOUS })
    t.equal((verdict(all, message) as { message: JsonObject }).message, message, 'the same object')
  }
  t.equal(all.replayableMs, Infinity)
  t.end()
})

t.test('a seal is good for one text, one key and one sender', (t) => {
  const senders = { planner: { integrity_key: SHARED }, executor: { integrity_key: 'of another sender' } }
  const [required, optional] = [trust({ integrity: 'required', senders }), trust({ integrity: 'optional', senders })]
  const sealed = signMessage(MESSAGE, { integrity: SHARED })
  // RFC 2104 over the canonical text, written out once.
  const expected = integrityProof(canonicalJson(without(MESSAGE, 'security')), createSecretKey(Buffer.from(SHARED)))
  t.equal((sealed['security'] as JsonObject)['integrity_check'], expected)
  const reordered = JSON.parse(
    JSON.stringify(
      sealed,
      Object.keys(sealed)
        .toReversed()
        .concat('sender_id', 'sender_type', 'trace_start', 'trace_id', 'span_id', 'weight', 'note', 'integrity_check'),
    ),
  ) as JsonObject
  const upper = expected.replace(/[0-9a-f]{64}/, (hex) => hex.toUpperCase())
  for (const trust of [required, optional]) {
    t.ok(verdict(trust, sealed).ok)
    t.ok(verdict(trust, reordered).ok, 'the order of members means nothing')
    t.ok(verdict(trust, withSecurity(sealed, { integrity_check: upper })).ok)
    const wrong: readonly JsonObject[] = [
      { ...sealed, timestamp: '2026-01-01T00:00:01.000Z' },
      { ...sealed, sender: { sender_id: 'executor', sender_type: 'service_instance' } },
      { ...sealed, sender: { sender_id: 'nobody', sender_type: 'service_instance' } },
      { ...sealed, sender: { sender_id: '__proto__' } },
      { ...sealed, more: 1 },
      without(sealed, 'message_id'),
      signMessage(MESSAGE, { integrity: 'of another sender' }),
      ...[
        '',
        7,
        null,
        {},
        expected.slice(0, -1),
        `${expected}0`,
        expected.replace('hmac-', ''),
        expected.replace('sha256', 'md5'),
        `hmac-sha256:${'0'.repeat(64)}`,
      ].map((integrity_check) => withSecurity(sealed, { integrity_check })),
    ]
    for (const message of wrong)
      refused(t, verdict(trust, message), '/security/integrity_check', 'untrusted', JSON.stringify(message).slice(-90))
  }
  refused(t, verdict(required, MESSAGE), '/security/integrity_check', 'untrusted')
  refused(t, verdict(required, { ...MESSAGE, security: 'none' }), '/security', 'malformed')
  t.ok(verdict(optional, MESSAGE).ok)
  t.end()
})

t.test('who has no keys of its own has those of everybody else; who has no name has that of the connection', (t) => {
  const senders = { planner: { integrity_key: 'only the planner' }, '*': { integrity_key: SHARED } }
  const shared = trust({ integrity: 'required', senders })
  const flat = without(without(MESSAGE, 'sender'), 'payload')
  t.ok(verdict(shared, signMessage(flat, { integrity: SHARED })).ok)
  t.ok(verdict(shared, signMessage(flat, { integrity: 'only the planner' }), { ...ANONYMOUS, subject: 'planner' }).ok)
  t.notOk(verdict(shared, signMessage(flat, { integrity: SHARED }), { ...ANONYMOUS, subject: 'planner' }).ok)
  t.notOk(verdict(shared, signMessage(MESSAGE, { integrity: SHARED })).ok)
  t.end()
})

t.test('a signature is checked by the kind of the registered key, and a digest signs nothing', (t) => {
  for (const [name, pair, stranger] of [
    ['ed25519', ed, generateKeyPairSync('ed25519')],
    ['rs256', rsa, generateKeyPairSync('rsa', { modulusLength: 2048 })],
  ] as const) {
    const senders = {
      planner: { public_key: pem(pair.publicKey) },
      executor: { public_key: JSON.stringify(stranger.publicKey.export({ format: 'jwk' })) },
    }
    const [required, optional] = [trust({ signature: 'required', senders }), trust({ signature: 'optional', senders })]
    const signed = signMessage(MESSAGE, { signature: pair.privateKey })
    const { message_signature: text } = signed['security'] as { message_signature: string }
    t.match(text, new RegExp(`^${name}:`))
    const digest = signMessage(MESSAGE, { signature: 'digest' })
    for (const trust of [required, optional]) {
      t.ok(verdict(trust, signed).ok)
      const wrong: readonly JsonObject[] = [
        { ...signed, message_id: 'msg-2' },
        { ...signed, sender: { sender_id: 'executor', sender_type: 'service_instance' } },
        { ...signed, sender: { sender_id: 'nobody' } },
        signMessage(MESSAGE, { signature: stranger.privateKey }),
        ...[
          '',
          7,
          text.replace(name, name === 'rs256' ? 'ed25519' : 'rs256'),
          text.replace(name, 'none'),
          text.slice(0, -4),
          `${name}:`,
          `${name}:====`,
        ].map((message_signature) => withSecurity(signed, { message_signature })),
        { ...digest, message_id: 'msg-2' },
      ]
      for (const message of wrong)
        refused(t, verdict(trust, message), '/security/message_signature', 'untrusted', `${name} ${JSON.stringify(message).slice(-60)}`)
    }
    t.ok(verdict(optional, digest).ok)
    refused(t, verdict(required, digest), '/security/message_signature', 'untrusted', 'a digest where a signature is needed')
    refused(t, verdict(required, MESSAGE), '/security/message_signature', 'untrusted')
    t.ok(verdict(optional, MESSAGE).ok)
  }
  t.end()
})

t.test('what proves who has sent a message is told from what does not', (t) => {
  const senders = { planner: { integrity_key: SHARED, public_key: pem(ed.publicKey) } }
  const optional = trust({ integrity: 'optional', signature: 'optional', encryption: 'optional', senders })
  const proves = (message: JsonObject): unknown => (verdict(optional, message) as { proved?: true }).proved
  t.equal(proves(MESSAGE), undefined)
  t.equal(proves(signMessage(MESSAGE, { signature: 'digest' })), undefined, 'anybody can make a digest')
  t.equal(proves(signMessage(MESSAGE, { integrity: SHARED })), true)
  t.equal(proves(signMessage(MESSAGE, { signature: ed.privateKey })), true)
  t.equal(proves(signMessage(MESSAGE, { integrity: SHARED, signature: 'digest' })), true)
  t.end()
})

t.test('a time window: outside of it, or no time at all', (t) => {
  const clock = new TestClock()
  const required = trust({ timestamp: 'required' }, { clock })
  const at = (timestamp: unknown): Verdict => verdict(required, { ...MESSAGE, timestamp })
  for (const good of ['2026-01-01T00:00:00Z', '2025-12-31T23:55:00.000Z', '2026-01-01T00:01:00.000000000Z', '2026-01-01t09:00:00+09:00'])
    t.ok(at(good).ok, good)
  for (const far of [
    '2025-12-31T23:54:59.999Z',
    '2026-01-01T00:01:00.001Z',
    '1970-01-01T00:00:00Z',
    '9999-01-01T00:00:00Z',
    '2026-02-31T00:00:00Z',
  ])
    refused(t, at(far), '/timestamp', 'untrusted', far)
  for (const none of [
    undefined,
    null,
    1_767_225_600_000,
    '',
    '2026-01-01',
    '2026-01-01T00:00:00',
    'Thu, 01 Jan 2026 00:00:00 GMT',
    '2026-13-01T00:00:00Zx',
  ])
    refused(t, at(none), '/timestamp', 'malformed', String(none))
  t.equal(required.replayableMs, 360_000)
  const optional = trust({ timestamp: 'optional' }, { clock })
  t.ok(verdict(optional, without(MESSAGE, 'timestamp')).ok)
  refused(t, verdict(optional, { ...MESSAGE, timestamp: '2020-01-01T00:00:00Z' }), '/timestamp', 'untrusted')
  t.end()
})

t.test('a sealed payload opens under its own envelope, with its own key', (t) => {
  const encryption_keys = { one: { key: SEALING.toString('base64') }, two: { key: '00'.repeat(32) } }
  const [required, optional] = [trust({ encryption: 'required', encryption_keys }), trust({ encryption: 'optional', encryption_keys })]
  const sealed = sealMessage(MESSAGE, 'one', SEALING)
  t.notMatch(JSON.stringify(sealed), 'trace-1')
  t.match(sealed['security'], { encryption: 'aes-256-gcm' })
  for (const trust of [required, optional]) {
    const opened = verdict(trust, sealed)
    t.match(opened, { ok: true, message: { ...MESSAGE, security: { encryption: 'aes-256-gcm' } } })
    const payload = sealed['payload'] as { key_id: string; iv: string; ciphertext: string; tag: string }
    const flipped = (text: string): string => `${text[0] === 'A' ? 'B' : 'A'}${text.slice(1)}`
    const untrusted: readonly JsonObject[] = [
      { ...sealed, message_id: 'msg-2' },
      { ...sealed, sender: { sender_id: 'executor' } },
      { ...sealed, more: true },
      ...[
        { ...payload, key_id: 'two' },
        { ...payload, key_id: 'three' },
        { ...payload, key_id: '__proto__' },
        { ...payload, iv: flipped(payload.iv) },
        { ...payload, ciphertext: flipped(payload.ciphertext) },
        { ...payload, tag: flipped(payload.tag) },
        { ...payload, ciphertext: '' },
      ].map((payload) => ({ ...sealed, payload })),
      sealMessage({ ...MESSAGE, payload: [1] }, 'one', SEALING),
    ]
    for (const message of untrusted) refused(t, verdict(trust, message), '/payload', 'untrusted', JSON.stringify(message).slice(-80))
    const malformed = [
      { ...payload, tag: payload.tag.slice(0, 16) },
      { ...payload, tag: Buffer.alloc(4).toString('base64') },
      { ...payload, iv: Buffer.alloc(16).toString('base64') },
      { ...payload, ciphertext: '*' },
      { ...payload, key_id: 7 },
      { ...payload, trace_start: {} },
      { ciphertext: '' },
    ]
    for (const each of malformed) refused(t, verdict(trust, { ...sealed, payload: each }), '/payload', 'malformed', JSON.stringify(each))
    const deep: unknown = JSON.parse('['.repeat(1000) + ']'.repeat(1000))
    t.match(verdict(trust, { ...sealed, deep }), { ok: false, kind: 'malformed', reasons: [{ message: /deeper/ }] })
  }
  refused(t, verdict(required, MESSAGE), '/payload', 'untrusted', 'readable')
  refused(t, verdict(required, without(MESSAGE, 'payload')), '/payload', 'untrusted', 'none')
  t.ok(verdict(optional, withSecurity(MESSAGE, { encryption: 'aes-256-gcm' })).ok, 'as the published examples are')
  refused(t, verdict(trust({}), sealed), '/payload', 'untrusted', 'off')
  t.end()
})

t.test('all of it together: sealed, then proved', (t) => {
  const config: Partial<TrustConfig> = {
    timestamp: 'required',
    integrity: 'required',
    signature: 'required',
    encryption: 'required',
    senders: { planner: { integrity_key: SHARED, public_key: pem(ed.publicKey) } },
    encryption_keys: { one: { key: SEALING.toString('hex') } },
  }
  const all = trust(config)
  const message = signMessage(MESSAGE, { integrity: SHARED, signature: ed.privateKey, encryption: { keyId: 'one', key: SEALING } })
  t.match(verdict(all, JSON.parse(JSON.stringify(message)) as JsonObject), { ok: true, message: MESSAGE })
  t.same(without(MESSAGE, 'x'), MESSAGE, 'what was given is left as it was')
  t.match(verdict(all, { ...message, payload: MESSAGE['payload'] }), { ok: false })
  t.notMatch(
    JSON.stringify(verdict(all, { ...message, payload: MESSAGE['payload'] })),
    /trace-1|planner|shared|[0-9a-f]{16}/,
    'and says nothing',
  )
  t.end()
})

t.test('what has no canonical form is refused where that is needed, with its place', (t) => {
  const required = trust({ integrity: 'required', senders: { '*': { integrity_key: SHARED } } })
  const nested: unknown = JSON.parse('['.repeat(50_000) + ']'.repeat(50_000))
  t.match(verdict(required, { ...MESSAGE, nested }), { ok: false, kind: 'malformed', reasons: [{ message: /deeper/ }] })
  t.match(verdict(required, { ...MESSAGE, a: ['\ud800'] }), { ok: false, kind: 'malformed', reasons: [{ path: '/a/0' }] })
  const polluting = JSON.parse(
    '{"__proto__":{"polluted":1},"payload":{"__proto__":{"polluted":1}},"sender":{"__proto__":{"sender_id":"x"}}}',
  ) as JsonObject
  const sealed = { ...polluting, security: { integrity_check: integrityProof(provedText(polluting), Buffer.from(SHARED)) } }
  t.ok(verdict(required, sealed).ok)
  t.notOk(verdict(required, { ...sealed, ['__proto__']: { polluted: 2 } }).ok, 'that member is proved too')
  t.equal(({} as JsonObject)['polluted'], undefined)
  t.end()
})

t.test('whatever a message is, it gets a verdict, and nothing of it is changed', async (t) => {
  const names = fc.constantFrom(
    'security',
    'payload',
    'sender',
    'timestamp',
    'integrity_check',
    'message_signature',
    'sender_id',
    'ciphertext',
    'iv',
    'tag',
    'key_id',
    'authentication',
    'token',
    'method',
    '__proto__',
  )
  const leaf = fc.oneof(
    fc.jsonValue({ maxDepth: 1 }),
    fc.constantFrom('hmac-sha256:', 'ed25519:AAAA', 'one', 'planner', 'AAAAAAAAAAAAAAAA', 'AAAAAAAAAAAAAAAAAAAAAA==', 'service_account'),
  )
  const { object } = fc.letrec((tie) => ({
    object: fc
      .array(fc.tuple(names, fc.oneof({ maxDepth: 3 }, leaf, tie('object'))), { maxLength: 5 })
      .map((members) => Object.fromEntries(members) as unknown),
  }))
  const authenticator: ServerAuthenticator = {
    start: async () => {},
    stop: async () => {},
    authenticate: () => Promise.reject(new UnauthenticatedError('nobody')),
  }
  const senders = { planner: { integrity_key: SHARED, public_key: pem(ed.publicKey) }, '*': { public_key: pem(rsa.publicKey) } }
  for (const mode of ['optional', 'required'] as const) {
    for (const authentication of ['off', mode] as const) {
      const modes = { timestamp: mode, integrity: mode, signature: mode, encryption: mode, authentication }
      const strict = trust(
        { ...modes, authenticator: 'x', senders, encryption_keys: { one: { key: SEALING.toString('hex') } } },
        { authenticator },
      )
      await fc.assert(
        fc.asyncProperty(object, async (object) => {
          const before = JSON.stringify(object)
          const found = await strict.check(object as JsonObject, ANONYMOUS)
          if (mode === 'required' && found.ok) throw new Error('nothing of it is proved')
          if (JSON.stringify(object) !== before) throw new Error('it was changed')
        }),
        { numRuns: 150 },
      )
    }
  }
  t.equal(({} as JsonObject)['polluted'], undefined)
})

t.test('a token in the message: whom it names has sent it', async (t) => {
  const asked: string[] = []
  const acme: Origin = { tenant: 'acme', subject: 'planner', headers: new Map() }
  let fault: Error | undefined
  const authenticator: ServerAuthenticator = {
    start: async () => {},
    stop: async () => {},
    async authenticate(headers) {
      asked.push(headers.get('authorization')!)
      if (fault !== undefined) throw fault
      if (asked.at(-1) !== 'Bearer good' && asked.at(-1) !== `Basic ${Buffer.from('planner@acme:good').toString('base64')}`)
        throw new UnauthenticatedError('hunter2')
      return acme
    },
  }
  const saying = (authentication: unknown): JsonObject => ({ ...MESSAGE, sender: { sender_id: 'planner', authentication } })
  const required = trust({ authentication: 'required', authenticator: 'x' }, { authenticator })
  const optional = trust({ authentication: 'optional', authenticator: 'x' }, { authenticator })
  const path = '/sender/authentication/token'
  for (const trust of [required, optional]) {
    t.equal(((await trust.check(saying({ method: 'jwt', token: 'good' }), ANONYMOUS)) as { origin: Origin }).origin, acme)
    t.ok((await trust.check(saying({ method: 'service_account', service_account: 'planner@acme', token: 'good' }), ANONYMOUS)).ok)
    for (const bad of [
      { token: 'bad' },
      { token: '' },
      { token: 7 },
      { token: 'x'.repeat(20_000) },
      { method: 'service_account', token: 'good' },
      { method: 'service_account', service_account: 'executor', token: 'good' },
    ]) {
      const found = await trust.check(saying(bad), acme)
      refused(t, found, path, 'unauthenticated', JSON.stringify(bad).slice(0, 60))
      t.notMatch(JSON.stringify(found), /hunter2/)
    }
    refused(
      t,
      await trust.check(saying({ token: 'good' }), { ...acme, tenant: 'other' }),
      path,
      'unauthenticated',
      'another tenant than the connection',
    )
    t.ok((await trust.check(saying({ token: 'good' }), { ...acme, subject: 'gateway' })).ok)
  }
  for (const none of [undefined, null, 'good', {}, { token: null }]) {
    refused(t, await required.check(saying(none), acme), path, 'unauthenticated', JSON.stringify(none))
    t.ok((await optional.check(saying(none), ANONYMOUS)).ok)
  }
  const before = asked.length
  t.ok(verdict(trust({}, { authenticator }), saying({ token: 'bad' })).ok, 'off: made-up tokens are not looked at')
  t.equal(asked.length, before)
  fault = new Error('the issuer is away')
  refused(t, await optional.check(saying({ token: 'good' }), ANONYMOUS), path, 'unavailable')
})

t.test('a name may be bound to who may use it', (t) => {
  const bound = trust({ senders: { planner: { subjects: ['planner@acme'] } } })
  t.ok(verdict(bound, MESSAGE, { ...ANONYMOUS, subject: 'planner@acme' }).ok)
  refused(t, verdict(bound, MESSAGE, { ...ANONYMOUS, subject: 'executor@acme' }), '/sender/sender_id', 'untrusted')
  refused(t, verdict(bound, MESSAGE), '/sender/sender_id', 'untrusted')
  t.ok(verdict(bound, { ...MESSAGE, sender: { sender_id: 'executor' } }).ok)
  t.end()
})

t.test('keys in files are followed; keys that cannot be had end the start', async (t) => {
  const file = join(t.testdir({}), 'key')
  const clock = new TestClock()
  const config: Partial<TrustConfig> = { integrity: 'required', senders: { planner: { integrity_key_file: file } } }
  t.throws(() => trust(config), { message: /trust.senders.planner.integrity_key_file .* there is no such file/ })
  writeFileSync(file, 'short')
  t.throws(() => trust(config), { message: /trust.senders.planner.integrity_key_file holds no key/ })
  writeFileSync(file, SHARED)
  const followed = trust(config, { clock })
  t.ok(verdict(followed, signMessage(MESSAGE, { integrity: SHARED })).ok)
  writeFileSync(file, 'another key, as long')
  await clock.advance(1000)
  t.notOk(verdict(followed, signMessage(MESSAGE, { integrity: SHARED })).ok)
  writeFileSync(file, 'short')
  await clock.advance(1000)
  t.ok(verdict(followed, signMessage(MESSAGE, { integrity: 'another key, as long' })).ok, 'what is no key changes nothing')
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 })
  for (const key of [
    'nothing',
    '{}',
    pem(weak.publicKey),
    ed.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    JSON.stringify(ed.privateKey.export({ format: 'jwk' })),
  ])
    t.throws(() => trust({ signature: 'required', senders: { planner: { public_key: key } } }), { message: /public_key holds no key/ })
})

t.test('what is wrong is told at load', (t) => {
  const faults = (config: Partial<TrustConfig>): readonly unknown[] => trustFaults({ ...OFF, ...config })
  t.same(faults({}), [])
  t.match(faults({ authentication: 'required' }), [{ path: ['authentication'] }])
  t.match(faults({ authenticator: 'jwt_auth' }), [{ path: ['authenticator'] }])
  t.match(faults({ max_age: '0s' }), [{ path: ['max_age'] }])
  t.match(faults({ integrity: 'optional' }), [{ path: ['integrity'] }])
  t.match(faults({ signature: 'required', senders: { a: { integrity_key: SHARED } } }), [{ path: ['signature'] }])
  t.match(faults({ encryption: 'optional' }), [{ path: ['encryption'] }])
  t.match(faults({ senders: { a: { integrity_key: SHARED, integrity_key_file: 'b' } } }), [
    { path: ['senders', 'a', 'integrity_key_file'] },
  ])
  t.match(faults({ encryption_keys: { a: {} } }), [{ path: ['encryption_keys', 'a'] }])
  t.match(faults({ encryption_keys: { a: { key: 'short' } } }), [{ path: ['encryption_keys', 'a', 'key'] }])
  t.end()
})
