// What wraps the keys of archived objects: a key of ours, or a command that asks a KMS. Whoever writes or reads the archive has one.
//
// A wrapped key of `LocalKey` is nonce (12 bytes) | ciphertext (32) | tag (16); its associated data is "millrace archive key" 00 | id of the master key 00 | the
// object's name. A command is run with the word `wrap` or `unwrap` behind its own words; it gets the key in base64 and a line break, and prints the other in base64.

import { execFile } from 'node:child_process'
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { DATA_KEY_BYTES, type ObjectIdentity, TAG_BYTES } from './frame-cipher.ts'

const NONCE_BYTES = 12
/** What a command may print: wrapped keys of a KMS have some hundred bytes. */
const MAX_PRINTED = 65_536
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/

export interface MasterKey {
  /** Under which name manifests speak of it. */
  readonly id: string
  wrap(key: Uint8Array, of: ObjectIdentity): Promise<Uint8Array>
  /** @throws UnwrapError where it is not a key that this one wrapped for that object. */
  unwrap(wrapped: Uint8Array, of: ObjectIdentity): Promise<Uint8Array>
}

/** The master key is another, or the wrapped key is not what it was. */
export class UnwrapError extends Error {
  override readonly name = 'UnwrapError'
}

export function newDataKey(): Buffer {
  return randomBytes(DATA_KEY_BYTES)
}

/** 32 bytes from a file or from the environment. */
export class LocalKey implements MasterKey {
  readonly id: string
  readonly #key: Uint8Array

  constructor(id: string, key: Uint8Array) {
    this.id = id
    this.#key = key
  }

  async wrap(key: Uint8Array, of: ObjectIdentity): Promise<Uint8Array> {
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce, { authTagLength: TAG_BYTES })
    cipher.setAAD(this.#associated(of))
    const wrapped = cipher.update(key)
    cipher.final()
    return Buffer.concat([nonce, wrapped, cipher.getAuthTag()])
  }

  async unwrap(wrapped: Uint8Array, of: ObjectIdentity): Promise<Uint8Array> {
    if (wrapped.length !== NONCE_BYTES + DATA_KEY_BYTES + TAG_BYTES) throw new UnwrapError('the wrapped key has another length')
    const decipher = createDecipheriv('aes-256-gcm', this.#key, wrapped.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
    decipher.setAAD(this.#associated(of))
    decipher.setAuthTag(wrapped.subarray(-TAG_BYTES))
    const key = decipher.update(wrapped.subarray(NONCE_BYTES, -TAG_BYTES))
    try {
      decipher.final()
      return key
    } catch {
      throw new UnwrapError(`the master key ${this.id} has not wrapped it, or it was changed`)
    }
  }

  #associated({ object }: ObjectIdentity): Buffer {
    return Buffer.from(`millrace archive key\0${this.id}\0${object}`)
  }
}

/** A program that asks a KMS, such as a script around `aws kms encrypt`. It is run without a shell. */
export class CommandKey implements MasterKey {
  readonly id: string
  readonly #command: readonly string[]
  readonly #timeoutMs: number

  constructor(id: string, command: readonly string[], timeoutMs: number) {
    this.id = id
    this.#command = command
    this.#timeoutMs = timeoutMs
  }

  async wrap(key: Uint8Array): Promise<Uint8Array> {
    const wrapped = await this.#run('wrap', key)
    const [program] = this.#command
    // What a command prints for another reason would be found out when the archive is read, years later.
    if (Buffer.compare(wrapped, key) === 0) throw new UnwrapError(`${program} wrap printed the key itself; accepted: the key, wrapped`)
    if (wrapped.length <= key.length)
      throw new UnwrapError(`${program} wrap printed ${wrapped.length} bytes; accepted: more than ${key.length}`)
    return wrapped
  }

  async unwrap(wrapped: Uint8Array): Promise<Uint8Array> {
    const key = await this.#run('unwrap', wrapped)
    if (key.length !== DATA_KEY_BYTES)
      throw new UnwrapError(`${this.#command[0]} unwrap printed ${key.length} bytes; accepted: ${DATA_KEY_BYTES}`)
    return key
  }

  async #run(what: 'wrap' | 'unwrap', bytes: Uint8Array): Promise<Uint8Array> {
    const [program, ...words] = this.#command
    const printed = await new Promise<string>((resolve, reject) => {
      const options = { timeout: this.#timeoutMs, killSignal: 'SIGKILL', maxBuffer: MAX_PRINTED, encoding: 'utf8' } as const
      const child = execFile(program!, [...words, what], options, (error, stdout, stderr) => {
        if (error === null) return resolve(stdout.trim())
        const why = error.killed ? `did not end within ${this.#timeoutMs} ms` : stderr.trim().slice(0, 500) || error.message
        reject(new UnwrapError(`${program} ${what}: ${why}`))
      })
      // A program that does not read is told apart by how it ends.
      child.stdin!.on('error', () => {})
      child.stdin!.end(`${Buffer.from(bytes).toString('base64')}\n`)
    })
    if (!BASE64.test(printed)) throw new UnwrapError(`${program} ${what} printed something else than base64`)
    return Buffer.from(printed, 'base64')
  }
}
