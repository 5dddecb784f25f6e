// The keys of the `trust` section by sender, and those of sealed payloads by their id. `MessageTrust` holds one. Names come from outside, so
// they are looked up in Maps.

import { createSecretKey, type KeyObject } from 'node:crypto'
import { encryptionKeyOf } from '../durable/key.ts'
import { KeptKey, type KeyTools } from './kept-key.ts'
import { PUBLIC_KEY_ACCEPTED, publicKeyOf } from './public-key.ts'
import type { TrustConfig } from './trust-schema.ts'

export interface Sender {
  readonly integrity?: KeptKey<KeyObject>
  readonly signature?: KeptKey<KeyObject>
  readonly subjects?: ReadonlySet<string>
}

const MIN_INTEGRITY_KEY = 16
/** Whoever has no keys of its own. */
const EVERYBODY_ELSE = '*'
const NOBODY: Sender = {}

export class SenderKeys {
  readonly #senders = new Map<string, Sender>()
  readonly #sealing = new Map<string, KeptKey<KeyObject>>()

  constructor({ senders, encryption_keys: keys }: TrustConfig, tools: KeyTools) {
    for (const [name, sender] of Object.entries(senders)) this.#senders.set(name, senderOf(name, sender, tools))
    for (const [id, { key, key_file: file }] of Object.entries(keys)) {
      const name = `trust.encryption_keys.${id}.key`
      const accepted = '32 bytes, in base64 or as 64 hexadecimal digits'
      this.#sealing.set(id, new KeptKey(name, { text: key, file }, sealingKeyOf, accepted, tools))
    }
  }

  /** @throws Error in words where a key cannot be had. */
  read(): void {
    for (const { integrity, signature } of this.#senders.values()) {
      integrity?.get()
      signature?.get()
    }
    for (const key of this.#sealing.values()) key.get()
  }

  of(name: string | undefined): Sender {
    return (name === undefined ? undefined : this.#senders.get(name)) ?? this.#senders.get(EVERYBODY_ELSE) ?? NOBODY
  }

  sealing(id: string): KeptKey<KeyObject> | undefined {
    return this.#sealing.get(id)
  }
}

type SenderConfig = TrustConfig['senders'][string]

function senderOf(name: string, config: SenderConfig, tools: KeyTools): Sender {
  const { integrity_key: shared, integrity_key_file: sharedFile, public_key: own, public_key_file: ownFile, subjects } = config
  const at = `trust.senders.${name}`
  const integrity = { text: shared, file: sharedFile }
  const signature = { text: own, file: ownFile }
  const least = `at least ${MIN_INTEGRITY_KEY} characters`
  return {
    ...((shared ?? sharedFile) === undefined
      ? {}
      : { integrity: new KeptKey(`${at}.integrity_key`, integrity, integrityKeyOf, least, tools) }),
    ...((own ?? ownFile) === undefined
      ? {}
      : { signature: new KeptKey(`${at}.public_key`, signature, publicKeyOf, PUBLIC_KEY_ACCEPTED, tools) }),
    ...(subjects === undefined ? {} : { subjects: new Set(subjects) }),
  }
}

function integrityKeyOf(text: string): KeyObject | undefined {
  return text.length < MIN_INTEGRITY_KEY ? undefined : createSecretKey(text, 'utf8')
}

function sealingKeyOf(text: string): KeyObject | undefined {
  const bytes = encryptionKeyOf(text)
  return bytes && createSecretKey(bytes)
}
