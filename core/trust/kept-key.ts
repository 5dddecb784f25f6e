// A key of the `trust` section, as text or in a file that is followed: parsed once, and again when the text has changed. `SenderKeys` holds
// one for each.

import { SecretFile } from '../client/secret-file.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../component.ts'

export interface KeyTools {
  readonly clock: Clock
  readonly log: Logger
}

export class KeptKey<K> {
  readonly #name: string
  readonly #text: () => string
  readonly #parse: (text: string) => K | undefined
  readonly #accepted: string
  readonly #log: Logger
  #from: string | undefined
  #key: K | undefined

  /** `name`: how errors name the setting. `parse` gives undefined for what is not `accepted`. */
  constructor(
    name: string,
    { text, file }: { readonly text: string | undefined; readonly file: string | undefined },
    parse: (text: string) => K | undefined,
    accepted: string,
    { clock, log }: KeyTools,
  ) {
    this.#name = file === undefined ? name : `${name}_file`
    this.#parse = parse
    this.#accepted = accepted
    this.#log = log
    if (file === undefined) this.#text = () => text!
    else {
      const secret = new SecretFile(this.#name, file, clock, log)
      this.#text = () => secret.text()
    }
  }

  /**
   * What a changed file holds that is no key is a warning, once, and the key that was there stays in use.
   * @throws Error in words where there is no key the first time.
   */
  get(): K {
    const text = this.#text()
    if (text === this.#from) return this.#key!
    this.#from = text
    const key = this.#parse(text)
    if (key !== undefined) return (this.#key = key)
    const message = `${this.#name} holds no key; accepted: ${this.#accepted}`
    if (this.#key === undefined) {
      this.#from = undefined
      throw new Error(message)
    }
    this.#log.warn({ reason: message }, 'a changed file cannot be used; what it held stays')
    return this.#key
  }
}
