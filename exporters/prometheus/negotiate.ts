// Which format a reader gets: what it likes best of what there is. The page asks once a scrape.
// Source: https://prometheus.io/docs/instrumenting/content_negotiation/

export type Format = 'text' | 'openmetrics' | 'protobuf'

export interface Wanted {
  readonly format: Format
  /** Whether names may have any character; else what PromQL would quote becomes `_`. */
  readonly isUtf8: boolean
  readonly contentType: string
}

const PLAIN: Wanted = { format: 'text', isUtf8: false, contentType: 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores' }

/** Of equals the first. Who asks for nothing that there is gets text, as every reader has always got it. */
export function wantedBy(accept: string | undefined, enabled: boolean): Wanted {
  let best = PLAIN
  let bestQuality = 0
  for (const range of (accept ?? '').split(',')) {
    const [type = '', ...rest] = range.split(';').map((part) => part.trim().toLowerCase())
    const parameters = new Map(rest.map((part) => part.split('=', 2).map((side) => side.trim()) as [string, string]))
    const quality = Number(parameters.get('q') ?? 1)
    const offered = offer(type, parameters, enabled)
    if (offered === undefined || !(quality > bestQuality)) continue
    best = offered
    bestQuality = quality
  }
  return best
}

function offer(type: string, parameters: ReadonlyMap<string, string>, enabled: boolean): Wanted | undefined {
  const isUtf8 = parameters.get('escaping') === 'allow-utf-8'
  const escaping = `escaping=${isUtf8 ? 'allow-utf-8' : 'underscores'}`
  const version = parameters.get('version')
  if (type === 'text/plain' || type === '*/*' || type === 'text/*') {
    if (version !== '1.0.0' || type !== 'text/plain') return version === undefined || version === '0.0.4' ? PLAIN : undefined
    return { format: 'text', isUtf8, contentType: `text/plain; version=1.0.0; charset=utf-8; ${escaping}` }
  }
  if (!enabled) return undefined
  if (type === 'application/openmetrics-text' && (version === undefined || version === '1.0.0' || version === '0.0.1'))
    return {
      format: 'openmetrics',
      isUtf8,
      contentType: `application/openmetrics-text; version=${version ?? '1.0.0'}; charset=utf-8; ${escaping}`,
    }
  const isFamily = parameters.get('proto') === 'io.prometheus.client.metricfamily' && parameters.get('encoding') === 'delimited'
  if (type !== 'application/vnd.google.protobuf' || !isFamily) return undefined
  const contentType = `application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; ${escaping}`
  return { format: 'protobuf', isUtf8, contentType }
}

/** The escaping scheme `underscores`. */
export function escaped(name: string, isLabel: boolean): string {
  const legal = name.replaceAll(isLabel ? /[^a-zA-Z0-9_]/g : /[^a-zA-Z0-9_:]/g, '_')
  return /^\d/.test(legal) ? `_${legal.slice(1)}` : legal
}

/** Names and values in turn, as a reader gets them: what has one name when it is escaped is one label, or the whole page would be refused. */
export function shownLabels(labels: readonly string[], isUtf8: boolean): readonly (readonly [name: string, value: string])[] {
  const shown = new Map<string, string>()
  for (let i = 0; i < labels.length; i += 2) {
    const label = labels[i]!
    // Nobody becomes `__name__` by being escaped.
    const name = isUtf8 || label === '__name__' ? label : escaped(label, true).replace(/^__+/, '_')
    const before = shown.get(name)
    shown.set(name, before === undefined ? labels[i + 1]! : `${before};${labels[i + 1]!}`)
  }
  return [...shown]
}
