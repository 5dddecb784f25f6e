import { readFileSync } from 'node:fs'
import { generateKeyPairSync, type KeyObject, webcrypto } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import { ANONYMOUS } from '../batch.ts'
import { TestSettings } from '../testing/index.ts'
import { MessageTrust } from './message-trust.ts'
import { signMessage } from './sign-message.ts'
import { integrityKey, sealingKey, signMessageWeb } from './sign-message-web.ts'
import type { TrustConfig } from './trust-schema.ts'
import type { JsonObject } from './verdict.ts'

const SHARED = 'shared, and not in ASCII: früh'
const SEALING = new Uint8Array(32).fill(7)
const MESSAGE: JsonObject = {
  message_id: 'm',
  sender: { sender_id: 'planner' },
  payload: { trace_start: { note: 'früh 😀', large: 'x'.repeat(200_000) } },
  security: { more: 1 },
}
const OFF: TrustConfig = {
  authentication: 'off',
  timestamp: 'off',
  max_age: '5m',
  max_ahead: '1m',
  integrity: 'required',
  signature: 'required',
  encryption: 'off',
  senders: {},
  encryption_keys: { one: { key: Buffer.from(SEALING).toString('hex') } },
}

function trust(key: KeyObject, encryption: 'required' | 'off'): MessageTrust {
  const senders = { planner: { integrity_key: SHARED, public_key: key.export({ type: 'spki', format: 'pem' }) } }
  return new MessageTrust({ ...OFF, encryption, senders }, new TestSettings('mplp'))
}

t.test('what Web Crypto signs and seals is believed, as is what Node does', async (t) => {
  const pairs = [
    [generateKeyPairSync('ed25519'), 'Ed25519'],
    [generateKeyPairSync('rsa', { modulusLength: 2048 }), { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }],
  ] as const
  for (const [{ privateKey, publicKey }, algorithm] of pairs) {
    const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' })
    const signature = await webcrypto.subtle.importKey('pkcs8', new Uint8Array(pkcs8), algorithm, false, ['sign'])
    const integrity = await integrityKey(SHARED)
    const plain = await signMessageWeb(MESSAGE, { integrity, signature })
    t.same(plain, signMessage(MESSAGE, { integrity: SHARED, signature: privateKey }), 'to the letter: these are not random')
    t.ok((trust(publicKey, 'off').check(plain, ANONYMOUS) as { ok: boolean }).ok)
    const sealed = await signMessageWeb(MESSAGE, { integrity, signature, encryption: { keyId: 'one', key: await sealingKey(SEALING) } })
    t.notMatch(JSON.stringify(sealed), /trace_start|x{50}/)
    t.match(trust(publicKey, 'required').check(sealed, ANONYMOUS), { ok: true, message: { payload: MESSAGE['payload'] } })
    t.match(trust(publicKey, 'required').check({ ...sealed, message_id: 'n' }, ANONYMOUS), { ok: false })
  }
  t.same(await signMessageWeb(MESSAGE, {}), MESSAGE)
})

t.test('it needs nothing of Node', (t) => {
  const imported = (file: string): readonly string[] => {
    const text = readFileSync(join(import.meta.dirname, file), 'utf8')
    t.notMatch(text, /from 'node:|\bBuffer\b|\bprocess\./, file)
    return [...text.matchAll(/^import (?!type).* from '(.*)'$/gm)].map(([, found]) => found!)
  }
  t.same(imported('sign-message-web.ts').flatMap(imported), [])
  t.end()
})
