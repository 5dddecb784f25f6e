// A condition in OTTL, the Collector's language, as the CEL that it would be: for errors that say what to write. No translator: whatever
// it makes is only shown if it compiles, and a user reads it before it runs.

/** Text in quotes, which stays as it is. */
const QUOTED = /"(?:[^"\\]|\\.)*"/g

/** Undefined where nothing in it looks like OTTL. */
export function fromOttl(text: string): string | undefined {
  const kept: string[] = []
  const bare = text.replaceAll(QUOTED, (quoted) => `\u2039${kept.push(quoted) - 1}\u203a`)
  const changed = bare
    .replaceAll(/\band\b/g, '&&')
    .replaceAll(/\bor\b/g, '||')
    .replaceAll(/\bnot\s+/g, '!')
    .replaceAll(/\bIsMatch\(\s*([^,()]+?)\s*,\s*([^()]+?)\s*\)/g, '$1.matches($2)')
    .replaceAll(/\bHasPrefix\(\s*([^,()]+?)\s*,\s*([^()]+?)\s*\)/g, '$1.startsWith($2)')
    .replaceAll(/\bHasSuffix\(\s*([^,()]+?)\s*,\s*([^()]+?)\s*\)/g, '$1.endsWith($2)')
    .replaceAll(/((?:resource\.|scope\.)?attributes)\[(\u2039\d+\u203a)\]\s*!=\s*nil\b/g, '$2 in $1')
    .replaceAll(/((?:resource\.|scope\.)?attributes)\[(\u2039\d+\u203a)\]\s*==\s*nil\b/g, '!($2 in $1)')
    .replaceAll(/\binstrumentation_scope\./g, 'scope.')
    .replaceAll(/\b(?:span|log|datapoint)\.(?=[a-z])/g, '')
    .replaceAll(/\b(trace_id|span_id|parent_span_id)\.string\b/g, '$1')
    .replaceAll(/\bkind\.string\b/g, 'kind')
    .replaceAll(/\bSEVERITY_NUMBER_(\w+?)1\b/g, 'SEVERITY_NUMBER_$1')
    .replaceAll(/(?<![.\w])type(?=\s*[!=]=\s*METRIC_DATA_TYPE)/g, 'metric.type')
    .replaceAll(/\bMETRIC_DATA_TYPE_(\w+)/g, (_, type: string) => `"${type.toLowerCase()}"`)
    .replaceAll(/\bnil\b/g, 'null')
  const whole = changed.replaceAll(/\u2039(\d+)\u203a/g, (_, number: string) => kept[Number(number)]!)
  return whole === text ? undefined : whole
}
