// What the attributes of a span say of a request: its dimensions, whom it called, which database.

import type { otlp } from '../../core/index.ts'
import { asText, column } from '../../core/series/index.ts'
import { resourceAttribute, spanAttribute } from '../../core/traces/index.ts'
import type { Config } from './schema.ts'

const SYSTEMS = ['db.system.name', 'db.system'].map((key) => Buffer.from(key))
const PEER_SERVICE = Buffer.from('peer.service')
const SERVER_ADDRESS = Buffer.from('server.address')
const PEER_ADDRESS = Buffer.from('network.peer.address')
const PEER_PORT = Buffer.from('network.peer.port')

export class Attributes {
  readonly #dimensions: readonly Buffer[]
  readonly #peers: readonly Buffer[]
  readonly #databases: readonly Buffer[]

  constructor(config: Config) {
    const keys = (names: readonly string[]): Buffer[] => names.map((name) => Buffer.from(name))
    this.#dimensions = keys(config.dimensions)
    this.#peers = keys(config.virtual_node_peer_attributes)
    this.#databases = keys(config.database_name_attributes)
  }

  /** Of the span, or else of its resource; empty where neither has it. */
  dimensions(index: otlp.RequestIndex, resource: number, span: number): readonly string[] {
    return this.#dimensions.length === 0 ? NONE : this.#dimensions.map((key) => textOf(index, resource, span, key))
  }

  /** Whom a client says that it called; empty where it does not. */
  peer(index: otlp.RequestIndex, span: number): string {
    return firstOf(index, -1, span, this.#peers)
  }

  /**
   * The database that a client span calls; empty where it calls none: what it says itself, the name of the database, the address of its server,
   * or at least what kind of database it is.
   */
  database(index: otlp.RequestIndex, resource: number, span: number): string {
    const name = firstOf(index, resource, span, this.#databases)
    const system = firstOf(index, resource, span, SYSTEMS)
    if (name === '' && system === '') return ''
    const known = textOf(index, resource, span, PEER_SERVICE) || name || textOf(index, resource, span, SERVER_ADDRESS)
    return known || addressOf(index, resource, span) || system
  }
}

const NONE: readonly string[] = []

function addressOf(index: otlp.RequestIndex, resource: number, span: number): string {
  const address = textOf(index, resource, span, PEER_ADDRESS)
  const port = address === '' ? '' : textOf(index, resource, span, PEER_PORT)
  return port === '' ? address : `${address}:${port}`
}

function firstOf(index: otlp.RequestIndex, resource: number, span: number, keys: readonly Buffer[]): string {
  for (const key of keys) {
    const text = textOf(index, resource, span, key)
    if (text !== '') return text
  }
  return ''
}

/** Of the span alone where the resource is -1. */
function textOf(index: otlp.RequestIndex, resource: number, span: number, key: Buffer): string {
  let row = spanAttribute(index, span, key)
  if (row < 0 && resource >= 0) row = resourceAttribute(index, resource, key)
  if (row < 0) return ''
  const { attributes, bytes } = index
  return asText(bytes.subarray(attributes[row + column.ATTR_VALUE], attributes[row + column.ATTR_VALUE_END]))
}
