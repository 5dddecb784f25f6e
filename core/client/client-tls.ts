// The `tls` section of an exporter at work: what a connection is opened with, made anew when certificates change. Senders hold one each.

import { type ConnectionOptions, createSecureContext, getCACertificates, type SecureContextOptions } from 'node:tls'
import type { Clock } from '../clock.ts'
import type { Logger } from '../component.ts'
import { TlsFiles } from '../tls/index.ts'
import type { ClientTlsConfig } from './tls-schema.ts'

export class ClientTls {
  readonly #config: ClientTlsConfig
  readonly #files: TlsFiles
  #options: ConnectionOptions

  /** @throws Error in words, naming the key of the configuration, where a file is missing or does not fit. */
  constructor(config: ClientTlsConfig, clock: Clock, log: Logger) {
    this.#config = config
    const authorities = { name: 'ca', file: config.ca_file, pem: config.ca_pem, reload: true } as const
    this.#files = new TlsFiles(config, authorities, clock, log)
    this.#options = this.#optionsOf(this.#files.read())
  }

  /** For `tls.connect`. They change: ask for each connection. */
  get options(): ConnectionOptions {
    return this.#options
  }

  /** Calls `changed` whenever new connections should be made, with other certificates than those that stand. */
  watch(changed: () => void): void {
    this.#files.watch((found) => {
      this.#options = this.#optionsOf(found)
      changed()
    })
  }

  stop(): void {
    this.#files.stop()
  }

  /** One context for all connections: reading a certificate takes longer than opening a connection. */
  #optionsOf(found: SecureContextOptions): ConnectionOptions {
    const { insecure_skip_verify, server_name_override, include_system_ca_certs_pool } = this.#config
    const own = found.ca === undefined ? [] : [found.ca].flat()
    const ca = include_system_ca_certs_pool ? [...own, ...getCACertificates('system'), ...(own.length > 0 ? [] : getCACertificates())] : own
    return {
      secureContext: createSecureContext({ ...found, ...(ca.length > 0 ? { ca } : {}) }),
      rejectUnauthorized: !insecure_skip_verify,
      ...(server_name_override === undefined ? {} : { servername: server_name_override }),
    }
  }
}
