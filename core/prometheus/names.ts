// What OpenTelemetry's names become at Prometheus: of metrics, units and labels, by the four translation strategies. The translation asks it
// once a metric and once a new series.
// Source: the OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility" and "Metrics Exporter - Prometheus". Where that leaves
// something open, what the Collector and Prometheus' own OTLP endpoint do: a unit's word anywhere in the name counts as its suffix.

export const STRATEGIES = [
  'UnderscoreEscapingWithSuffixes',
  'UnderscoreEscapingWithoutSuffixes',
  'NoUTF8EscapingWithSuffixes',
  'NoTranslation',
] as const
export type Strategy = (typeof STRATEGIES)[number]

/** As Prometheus knows them. A native histogram is a histogram there. */
export type FamilyType = 'counter' | 'gauge' | 'histogram' | 'summary' | 'info' | 'stateset' | 'unknown'

export function hasSuffixes(strategy: Strategy): boolean {
  return strategy === 'UnderscoreEscapingWithSuffixes' || strategy === 'NoUTF8EscapingWithSuffixes'
}

export function isEscaping(strategy: Strategy): boolean {
  return strategy === 'UnderscoreEscapingWithSuffixes' || strategy === 'UnderscoreEscapingWithoutSuffixes'
}

const UNITS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    d: 'days',
    h: 'hours',
    min: 'minutes',
    s: 'seconds',
    ms: 'milliseconds',
    us: 'microseconds',
    ns: 'nanoseconds',
    By: 'bytes',
    KiBy: 'kibibytes',
    MiBy: 'mebibytes',
    GiBy: 'gibibytes',
    TiBy: 'tebibytes',
    kBy: 'kilobytes',
    KBy: 'kilobytes',
    MBy: 'megabytes',
    GBy: 'gigabytes',
    TBy: 'terabytes',
    m: 'meters',
    V: 'volts',
    A: 'amperes',
    J: 'joules',
    W: 'watts',
    g: 'grams',
    Cel: 'celsius',
    Hz: 'hertz',
    '1': '',
    '%': 'percent',
  }),
)

const PER_UNITS: ReadonlyMap<string, string> = new Map(
  Object.entries({ s: 'second', m: 'minute', min: 'minute', h: 'hour', d: 'day', w: 'week', mo: 'month', y: 'year' }),
)

/** `By/s` is `bytes` and `per_second`. What stands in braces is an annotation, not a unit. */
function unitWords(unit: string): readonly [main: string, per: string] {
  const slash = unit.indexOf('/')
  const main = (slash < 0 ? unit : unit.slice(0, slash)).trim()
  const per = slash < 0 ? '' : unit.slice(slash + 1).trim()
  const word = (text: string, words: ReadonlyMap<string, string>): string => (/[{}]/.test(text) ? '' : (words.get(text) ?? text))
  const perWord = word(per, PER_UNITS)
  return [word(main, UNITS), perWord === '' ? '' : `per_${perWord}`]
}

/** The unit as metadata has it: `bytes_per_second`. */
export function unitName(unit: string, strategy: Strategy): string {
  const words = unitWords(unit).map((word) => (isEscaping(strategy) ? legalUnit(word) : word))
  return words.filter((word) => word !== '').join('_')
}

function legalUnit(word: string): string {
  return word
    .replaceAll(/[^a-zA-Z0-9:]/g, '_')
    .replaceAll(/_{2,}/g, '_')
    .replaceAll(/^_|_$/g, '')
}

export interface NamedMetric {
  readonly name: string
  readonly unit: string
  readonly type: FamilyType
}

/** Undefined where nothing of the name is left that a metric could be called. */
export function metricName(metric: NamedMetric, strategy: Strategy, namespace = ''): string | undefined {
  const name = isEscaping(strategy) ? escapedName(metric, strategy, namespace) : plainName(metric, strategy, namespace)
  return /[^_]/.test(name) || name === metric.name ? name || undefined : undefined
}

function escapedName(metric: NamedMetric, strategy: Strategy, namespace: string): string {
  let name: string
  if (hasSuffixes(strategy)) {
    const words = metric.name.split(/[^a-zA-Z0-9:]+/).filter((word) => word !== '')
    name = [...(namespace === '' ? [] : [legal(namespace)]), ...withSuffixes(words, metric)].join('_')
  } else {
    const bare = metric.name.replaceAll(/^[^a-zA-Z0-9_:]+|[^a-zA-Z0-9_:]+$/g, '')
    name = namespace === '' ? legal(bare) : `${legal(namespace)}_${legal(bare)}`
  }
  return /^\d/.test(name) ? `_${name}` : name
}

function legal(name: string): string {
  return name.replaceAll(/[^a-zA-Z0-9_:]/g, '_').replaceAll(/_{2,}/g, '_')
}

function withSuffixes(words: readonly string[], { unit, type }: NamedMetric): readonly string[] {
  let all = [...words]
  for (const word of unitWords(unit).map((each) => legalUnit(each)))
    if (word !== '' && !all.includes(word) && !endsWith(all, word)) all.push(word)
  if (type === 'counter') all = [...all.filter((word) => word !== 'total'), 'total']
  if (type === 'gauge' && unit === '1') all = [...all.filter((word) => word !== 'ratio'), 'ratio']
  return all
}

/** `per_second` is two words of a name. */
function endsWith(words: readonly string[], suffix: string): boolean {
  return `_${words.join('_')}`.endsWith(`_${suffix}`)
}

/** Nothing is escaped; suffixes that are there already move behind what belongs before them. */
function plainName({ name: given, unit, type }: NamedMetric, strategy: Strategy, namespace: string): string {
  const name = namespace === '' ? given : `${namespace}_${given}`
  if (!hasSuffixes(strategy)) return name
  const last = type === 'counter' ? 'total' : type === 'gauge' && unit === '1' ? 'ratio' : ''
  const [main, per] = unitWords(unit)
  let bare = without(without(name, last), per)
  if (main !== '' && !bare.endsWith(main)) bare += `_${main}`
  return [bare, per, last].filter((part) => part !== '').join('_')
}

/** Without the suffix and the character that sets it off. */
function without(name: string, suffix: string): string {
  return suffix !== '' && name.endsWith(suffix) && name.length > suffix.length + 1 ? name.slice(0, -suffix.length - 1) : name
}

/**
 * Names that begin with two underscores are Prometheus' own, `__name__` first of all: such a key keeps one. A key without a name is `_`,
 * for leaving it out could make one series of two.
 */
export function labelName(key: string, strategy: Strategy): string {
  const name = isEscaping(strategy) ? key.replaceAll(/[^a-zA-Z0-9]+/g, '_') : key.replace(/^_{2,}/, '_')
  if (name === '') return '_'
  return isEscaping(strategy) && /^\d/.test(name) ? `key_${name}` : name
}
