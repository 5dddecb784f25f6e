// What the attributes of a span say of a request: its dimensions, whom it called, which database.

import type { otlp } from '../../core/index.ts'
import { column, Texts } from '../../core/series/index.ts'
import { resourceAttribute, spanAttribute } from '../../core/traces/index.ts'
import type { Config } from './schema.ts'

const SYSTEMS = ['db.system.name', 'db.system'].map((key) => Buffer.from(key))
const SERVICE_NAME = Buffer.from('service.name')
const PEER_SERVICE = Buffer.from('peer.service')
const SERVER_ADDRESS = Buffer.from('server.address')
const PEER_ADDRESS = Buffer.from('network.peer.address')
const PEER_PORT = Buffer.from('network.peer.port')

export class Attributes {
  readonly #dimensions: readonly Buffer[]
  readonly #peers: readonly Buffer[]
  readonly #databases: readonly Buffer[]
  readonly #texts = new Texts()

  constructor(config: Config) {
    const keys = (names: readonly string[]): Buffer[] => names.map((name) => Buffer.from(name))
    this.#dimensions = keys(config.dimensions)
    this.#peers = keys(config.virtual_node_peer_attributes)
    this.#databases = keys(config.database_name_attributes)
  }

  /** Of the span, or else of its resource; empty where neither has it. */
  dimensions(index: otlp.RequestIndex, resource: number, span: number): readonly string[] {
    return this.#dimensions.length === 0 ? NONE : this.#dimensions.map((key) => this.#textOf(index, resource, span, key))
  }

  /** Whom a client says that it called; empty where it does not. */
  peer(index: otlp.RequestIndex, span: number): string {
    return this.#firstOf(index, -1, span, this.#peers)
  }

  /**
   * The database that a client span calls; empty where it calls none: what it says itself, the name of the database, the address of its server,
   * or at least what kind of database it is.
   */
  database(index: otlp.RequestIndex, resource: number, span: number): string {
    const name = this.#firstOf(index, resource, span, this.#databases)
    const system = this.#firstOf(index, resource, span, SYSTEMS)
    if (name === '' && system === '') return ''
    const known = this.#textOf(index, resource, span, PEER_SERVICE) || name || this.#textOf(index, resource, span, SERVER_ADDRESS)
    return known || this.#addressOf(index, resource, span) || system
  }

  /** What the resource calls its service; empty where it does not. */
  service(index: otlp.RequestIndex, resource: number): string {
    const row = resourceAttribute(index, resource, SERVICE_NAME)
    return row < 0 ? '' : this.#textAt(index, row)
  }

  #addressOf(index: otlp.RequestIndex, resource: number, span: number): string {
    const address = this.#textOf(index, resource, span, PEER_ADDRESS)
    const port = address === '' ? '' : this.#textOf(index, resource, span, PEER_PORT)
    return port === '' ? address : `${address}:${port}`
  }

  #firstOf(index: otlp.RequestIndex, resource: number, span: number, keys: readonly Buffer[]): string {
    for (const key of keys) {
      const text = this.#textOf(index, resource, span, key)
      if (text !== '') return text
    }
    return ''
  }

  /** Of the span alone where the resource is -1. */
  #textOf(index: otlp.RequestIndex, resource: number, span: number, key: Buffer): string {
    let row = spanAttribute(index, span, key)
    if (row < 0 && resource >= 0) row = resourceAttribute(index, resource, key)
    return row < 0 ? '' : this.#textAt(index, row)
  }

  #textAt({ attributes, bytes }: otlp.RequestIndex, row: number): string {
    return this.#texts.ofValue(bytes, attributes[row + column.ATTR_VALUE]!, attributes[row + column.ATTR_VALUE_END]!)
  }
}

const NONE: readonly string[] = []
