// What of a message must be proved, from the `trust` section of a receiver: each makes one for its executions.

import type { Settings } from '../component.ts'
import { readJson } from '../mplp/index.ts'
import { MessageTrust, type TrustConfig } from '../trust/index.ts'
import type { ExecutionsTools } from './executions.ts'

export interface Believer {
  readonly believe: ExecutionsTools['believe']
  /** @throws Error in words where a key cannot be had. */
  readonly start: () => void
}

export function believer(config: TrustConfig | undefined, settings: Settings): Believer {
  if (config === undefined) return { believe: (message, origin) => ({ ok: true, message, origin }), start: () => {} }
  const { authenticator } = config
  const trust = new MessageTrust(config, {
    clock: settings.clock,
    log: settings.log,
    parse: parseExactly,
    ...(authenticator === undefined ? {} : { authenticator: settings.extension('server_auth', authenticator) }),
  })
  return { believe: (message, origin) => trust.check(message, origin), start: () => trust.start() }
}

/** As bodies are read, with every digit of a number. What is wrong with a sealed payload its sender may know: it has the key. */
function parseExactly(text: string): unknown {
  const [json] = readJson(Buffer.from(`[${text}]`), 'json')
  if (json === undefined || 'fault' in json) throw new SyntaxError(json?.fault.message ?? 'empty')
  return json.exact
}
