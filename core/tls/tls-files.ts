// The certificates, keys and authorities of one `tls` section: read and checked at start, read again when their files change. Doors and
// clients hold one each and make their contexts from what it gives.

import { type Stats, statSync } from 'node:fs'
import type { SecureContextOptions } from 'node:tls'
import type { Clock } from '../clock.ts'
import type { Logger } from '../component.ts'
import { parseDuration } from '../config/duration.ts'
import { ciphersOf } from './cipher-suites.ts'
import { certificatesIn, nameOf, outOfTime, type PemSource, privateKeyIn, readPem, sourceOf } from './pem.ts'
import type { TlsConfig } from './schema.ts'

/** The authorities that the other side's certificate is held against: `client_ca` of servers, `ca` of clients. */
export interface Authorities {
  readonly name: 'client_ca' | 'ca'
  readonly file?: string | undefined
  readonly pem?: string | undefined
  /** Whether its file is looked at again. */
  readonly reload: boolean
}

export class TlsFiles {
  readonly #config: TlsConfig
  readonly #clock: Clock
  readonly #log: Logger
  readonly #certificate: PemSource | undefined
  readonly #key: PemSource | undefined
  readonly #authorities: PemSource | undefined
  readonly #watched: readonly string[]
  #seen = ''
  #timer: { cancel(): void } | undefined

  constructor(config: TlsConfig, authorities: Authorities | undefined, clock: Clock, log: Logger) {
    this.#config = config
    this.#clock = clock
    this.#log = log
    this.#certificate = sourceOf('cert', config.cert_file, config.cert_pem)
    this.#key = sourceOf('key', config.key_file, config.key_pem)
    this.#authorities = authorities && sourceOf(authorities.name, authorities.file, authorities.pem)
    const files = [this.#certificate?.file, this.#key?.file, authorities?.reload === true ? this.#authorities?.file : undefined]
    this.#watched = files.filter((file) => file !== undefined)
  }

  /**
   * What `tls.createSecureContext`, `server.setSecureContext` and `tls.connect` take.
   * @throws Error in words, naming the key of the configuration, where something is missing or does not fit.
   */
  read(): SecureContextOptions {
    this.#seen = this.#fingerprint()
    return this.#read()
  }

  /**
   * Looks for changed files every `reload_interval`, until `stop`, and calls `changed` with what `read` would give. What cannot be used
   * is a warning, once, and what was there stays in use. After `read`.
   */
  watch(changed: (options: SecureContextOptions) => void): void {
    const everyMs = parseDuration(this.#config.reload_interval)
    if (everyMs === 0 || this.#watched.length === 0) return
    const look = (): void => {
      this.#timer = this.#clock.after(everyMs, look)
      this.#look(changed)
    }
    this.#timer = this.#clock.after(everyMs, look)
  }

  stop(): void {
    this.#timer?.cancel()
  }

  #look(changed: (options: SecureContextOptions) => void): void {
    const found = this.#fingerprint()
    if (found === this.#seen) return
    this.#seen = found
    try {
      changed(this.#read())
      this.#log.info({ files: this.#watched }, 'certificates read again')
    } catch (error) {
      this.#log.warn({ reason: (error as Error).message }, 'changed certificates cannot be used; the old ones stay')
    }
  }

  /** Differs when a file was written, replaced or removed: a renewal may keep the size, a link may point elsewhere. */
  #fingerprint(): string {
    return this.#watched.map((file) => stateOf(file)).join()
  }

  #read(): SecureContextOptions {
    const { min_version, max_version, cipher_suites } = this.#config
    const ciphers = ciphersOf(cipher_suites)
    return {
      ...this.#readPair(),
      ...this.#readAuthorities(),
      minVersion: `TLSv${min_version}`,
      maxVersion: `TLSv${max_version}`,
      ...(ciphers === undefined ? {} : { ciphers }),
    }
  }

  #readPair(): SecureContextOptions {
    if (this.#certificate === undefined || this.#key === undefined) return {}
    const cert = readPem(this.#certificate)
    const [own] = certificatesIn(this.#certificate, cert)
    const key = readPem(this.#key)
    if (!own!.checkPrivateKey(privateKeyIn(this.#key, key))) {
      throw new Error(`${nameOf(this.#key)} is not the key of the certificate in ${nameOf(this.#certificate)}`)
    }
    const fault = outOfTime(own!, this.#clock.now())
    if (fault !== undefined) this.#log.warn({}, `the certificate in ${nameOf(this.#certificate)} ${fault}`)
    return { cert, key }
  }

  #readAuthorities(): SecureContextOptions {
    if (this.#authorities === undefined) return {}
    const ca = readPem(this.#authorities)
    for (const authority of certificatesIn(this.#authorities, ca)) {
      const fault = outOfTime(authority, this.#clock.now())
      if (fault !== undefined) this.#log.warn({ subject: authority.subject }, `an authority in ${nameOf(this.#authorities)} ${fault}`)
    }
    return { ca }
  }
}

function stateOf(file: string): string {
  try {
    const { ino, size, mtimeMs, ctimeMs }: Stats = statSync(file)
    return [ino, size, mtimeMs, ctimeMs].join(':')
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code)
  }
}
