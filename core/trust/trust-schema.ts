// The `trust` section of receivers of the protocol: what is asked of a message beyond who sent it. Receivers embed the schema in theirs;
// `MessageTrust` does what it says.

import type { ConfigFault } from '../component.ts'
import type { ConfigOf } from '../config/schema.ts'
import { durationOf } from '../config/duration.ts'
import { encryptionKeyOf } from '../durable/key.ts'

const properties = {
  authentication: {
    type: 'string',
    enum: ['off', 'optional', 'required'],
    default: 'off',
    description:
      'The token in `sender.authentication`: not looked at, checked where there is one, or needed. Whom it names has sent the message, whoever opened the connection.',
  },
  authenticator: {
    type: 'string',
    extension: 'server_auth',
    description: 'The extension that checks these tokens: as `Authorization: Bearer`, with `method: service_account` as Basic.',
  },
  timestamp: {
    type: 'string',
    enum: ['off', 'optional', 'required'],
    default: 'off',
    description: 'Whether the `timestamp` of a message must lie between `max_age` ago and `max_ahead` from now.',
  },
  max_age: { type: 'string', format: 'duration', default: '5m', description: 'How old a message may be.' },
  max_ahead: { type: 'string', format: 'duration', default: '1m', description: "How far a sender's clock may be ahead." },
  integrity: {
    type: 'string',
    enum: ['off', 'optional', 'required'],
    default: 'off',
    description: '`security.integrity_check`: an HMAC with a key that the sender and this receiver share.',
  },
  signature: {
    type: 'string',
    enum: ['off', 'optional', 'required'],
    default: 'off',
    description:
      "`security.message_signature`: Ed25519 or RSA with the sender's own key. A digest, which proves nothing, is checked where there is one, and is not what `required` asks for.",
  },
  encryption: {
    type: 'string',
    enum: ['off', 'optional', 'required'],
    default: 'off',
    description: 'Whether the payload is sealed with AES-256-GCM. A readable one is taken unless it is `required`.',
  },
  senders: {
    type: 'object',
    default: {},
    description: 'Keys of senders, by `sender.sender_id`, or without one by whom the connection or the token names; `*` is everybody else.',
    additionalProperties: {
      type: 'object',
      properties: {
        integrity_key: {
          type: 'string',
          secret: true,
          minLength: 16,
          description: 'The key of `integrity_check`: the bytes of this text in UTF-8.',
        },
        integrity_key_file: {
          type: 'string',
          format: 'path',
          minLength: 1,
          description: 'A file with it, instead; read again when it changes.',
        },
        public_key: {
          type: 'string',
          minLength: 1,
          description: 'The key of `message_signature`, in PEM or as a JWK: Ed25519, or RSA of 2048 bits and more.',
        },
        public_key_file: {
          type: 'string',
          format: 'path',
          minLength: 1,
          description: 'A file with it, instead; read again when it changes.',
        },
        subjects: {
          type: 'array',
          items: { type: 'string', minLength: 1 },
          description: 'Who may send under this name, as the connection or the token says. Without it, whoever has the keys.',
        },
      },
    },
  },
  encryption_keys: {
    type: 'object',
    default: {},
    description: 'Keys of sealed payloads, by their `key_id`.',
    additionalProperties: {
      type: 'object',
      properties: {
        key: { type: 'string', secret: true, minLength: 1, description: '32 bytes, in base64 or as 64 hexadecimal digits.' },
        key_file: { type: 'string', format: 'path', minLength: 1, description: 'A file with them, instead; read again when it changes.' },
      },
    },
  },
} as const

/** An interface would not do as a schema: it might be added to. */
export type TrustSchema = { readonly type: 'object'; readonly description: string; readonly properties: typeof properties }
export const trustSchema: TrustSchema = {
  type: 'object',
  description: 'What is asked of every message, beyond who opened the connection. Without it, nothing.',
  properties,
}
export type TrustConfig = ConfigOf<TrustSchema>

/** What the schema cannot say. Paths are relative to the section. */
export function trustFaults(config: TrustConfig): readonly ConfigFault[] {
  const faults: ConfigFault[] = []
  const fault = (path: readonly string[], message: string): void => void faults.push({ path, message })
  const { authentication, authenticator, senders, encryption_keys: keys } = config
  if (authentication !== 'off' && authenticator === undefined) fault(['authentication'], `found ${authentication}, and no authenticator`)
  if (authentication === 'off' && authenticator !== undefined)
    fault(['authenticator'], 'authentication is off, so that it is never asked; accepted: authentication optional or required')
  if (durationOf(config.max_age) === 0) fault(['max_age'], 'no message is younger than that; accepted: a duration such as 5m')
  if (config.integrity !== 'off' && !some(senders, (sender) => (sender.integrity_key ?? sender.integrity_key_file) !== undefined))
    fault(['integrity'], `found ${config.integrity}, and no sender has an integrity_key`)
  if (config.signature !== 'off' && !some(senders, (sender) => (sender.public_key ?? sender.public_key_file) !== undefined))
    fault(['signature'], `found ${config.signature}, and no sender has a public_key`)
  if (config.encryption !== 'off' && Object.keys(keys).length === 0)
    fault(['encryption'], `found ${config.encryption}, and there are no encryption_keys`)
  for (const [name, sender] of Object.entries(senders)) {
    for (const key of ['integrity_key', 'public_key'] as const)
      if (sender[key] !== undefined && sender[`${key}_file`] !== undefined)
        fault(['senders', name, `${key}_file`], `${key} is set too; accepted: one of them`)
  }
  for (const [name, { key, key_file: file }] of Object.entries(keys)) {
    if ((key === undefined) === (file === undefined)) fault(['encryption_keys', name], 'accepted: either key or key_file')
    if (key !== undefined && encryptionKeyOf(key) === undefined)
      fault(['encryption_keys', name, 'key'], 'accepted: 32 bytes, in base64 or as 64 hexadecimal digits')
  }
  return faults
}

function some<V>(map: Readonly<Record<string, V>>, test: (value: V) => boolean): boolean {
  return Object.values(map).some(test)
}
