// Extension `basic_auth` for receivers: holds the name and the password of a sender against the lines of htpasswd.

import { createHash } from 'node:crypto'
import { type Origin, type ServerAuthenticator, type Settings, UnauthenticatedError } from '../../core/index.ts'
import { isSameSecret, SecretFile } from '../../core/client/index.ts'
import type { BasicAuthConfig } from './factory.ts'
import { lineFaults, passwordsOf } from './htpasswd.ts'

const CREDENTIALS = /^basic +([\w+/-]+=*) *$/i
const SHA1_BYTES = 20
/** Held against an unknown name's password, so that it takes as long as a known one's. */
const NOBODY = '{SSHA}AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='

export class BasicServer implements ServerAuthenticator {
  readonly #inline: string
  readonly #file: SecretFile | undefined
  #read: string | undefined
  #passwords: ReadonlyMap<string, string> = new Map()
  /** One object for each name: batches of one origin may be merged. */
  readonly #origins = new Map<string, Origin>()

  constructor({ file, inline }: NonNullable<BasicAuthConfig['htpasswd']>, { clock, log }: Settings) {
    this.#inline = inline ?? ''
    this.#file = file === undefined ? undefined : new SecretFile('htpasswd.file', file, clock, log)
  }

  /** A file that is not there, or that holds what cannot be checked, ends the start. */
  async start(): Promise<void> {
    this.#look()
    const [fault] = lineFaults(this.#file?.text() ?? '')
    if (fault !== undefined) throw new Error(`htpasswd.file, ${fault}`)
    if (this.#passwords.size === 0) throw new Error('htpasswd holds nobody who may send')
  }

  async stop(): Promise<void> {}

  async authenticate(headers: ReadonlyMap<string, string>): Promise<Origin> {
    const header = headers.get('authorization')
    if (header === undefined) throw new UnauthenticatedError('the header authorization is missing; accepted: Basic')
    const encoded = CREDENTIALS.exec(header)?.[1]
    if (encoded === undefined) throw new UnauthenticatedError('the header authorization is not Basic')
    const pair = Buffer.from(encoded, 'base64').toString()
    const colon = pair.indexOf(':')
    const name = pair.slice(0, Math.max(colon, 0))
    this.#look()
    const expected = this.#passwords.get(name)
    const isRight = isPassword(pair.slice(colon + 1), expected ?? NOBODY)
    if (colon < 1 || expected === undefined || !isRight) throw new UnauthenticatedError('the name or the password is wrong')
    return this.#originOf(name)
  }

  #look(): void {
    const text = `${this.#inline}\n${this.#file?.text() ?? ''}`
    if (text === this.#read) return
    this.#read = text
    this.#passwords = passwordsOf(text)
  }

  #originOf(subject: string): Origin {
    const known = this.#origins.get(subject) ?? { tenant: '', subject, headers: new Map() }
    this.#origins.set(subject, known)
    return known
  }
}

function isPassword(presented: string, expected: string): boolean {
  const hash = /^\{(S?SHA)\}(.*)$/.exec(expected)
  if (hash === null) return isSameSecret(presented, expected)
  const bytes = Buffer.from(hash[2]!, 'base64')
  const salt = bytes.subarray(SHA1_BYTES)
  return isSameSecret(createHash('sha1').update(presented).update(salt).digest(), bytes.subarray(0, SHA1_BYTES))
}
