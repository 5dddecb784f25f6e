// The `tls` section of a listener at work: the context that a server starts with, and every one after it. Doors hold one each.

import type { SecureContextOptions } from 'node:tls'
import type { Clock } from '../clock.ts'
import type { Logger } from '../component.ts'
import { type ServerTlsConfig, TlsFiles } from '../tls/index.ts'

/** A peer that does not finish the handshake holds a socket and nothing else. */
const HANDSHAKE_TIMEOUT_MS = 10_000

export interface ServerTlsOptions extends SecureContextOptions {
  readonly requestCert: boolean
  readonly rejectUnauthorized: boolean
  readonly handshakeTimeout: number
}

export class ServerTls {
  readonly #files: TlsFiles
  readonly #wantsCertificate: boolean

  constructor(config: ServerTlsConfig, clock: Clock, log: Logger) {
    const { client_ca_file: file, client_ca_pem: pem, client_ca_file_reload: reload } = config
    this.#wantsCertificate = file !== undefined || pem !== undefined
    this.#files = new TlsFiles(config, { name: 'client_ca', file, pem, reload }, clock, log)
  }

  /** @throws Error in words where something is missing or does not fit. */
  read(): ServerTlsOptions {
    const wanted = this.#wantsCertificate
    return { ...this.#files.read(), requestCert: wanted, rejectUnauthorized: wanted, handshakeTimeout: HANDSHAKE_TIMEOUT_MS }
  }

  watch(changed: (context: SecureContextOptions) => void): void {
    this.#files.watch(changed)
  }

  stop(): void {
    this.#files.stop()
  }
}
