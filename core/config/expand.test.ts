import t from 'tap'
import { around, faultsIn, loadText } from './fixtures/loading.ts'

/** The settings of an exporter whose headers and endpoint are given. */
async function settings(yaml: string, environment: Readonly<Record<string, string>> = {}): Promise<unknown> {
  const text = around(`  otlp_http: ${yaml}`).replace('[debug]', '[otlp_http]')
  return (await loadText(text, environment)).config.exporters.get('otlp_http')?.config
}
async function faults(yaml: string, environment: Readonly<Record<string, string>> = {}): Promise<readonly string[]> {
  return faultsIn(around(`  otlp_http: ${yaml}`), environment)
}

t.test('variables stand anywhere in a value', async (t) => {
  const environment = { HOST: 'a.example', PORT: '4318', EMPTY: '' }
  const expected: Readonly<Record<string, string>> = {
    '${env:HOST}': 'a.example',
    'http://${env:HOST}:${env:PORT}/x': 'http://a.example:4318/x',
    '${HOST}': 'a.example',
    '${env:MISSING:-b.example}': 'b.example',
    '${env:HOST:-b.example}': 'a.example',
    'x${env:MISSING:-}': 'x',
    'x${env:EMPTY:-y}': 'x',
    '$${env:HOST}': '${env:HOST}',
    a$$b: 'a$b',
    'a$b $': 'a$b $',
    '$$$${env:HOST}': '$${env:HOST}',
    '$$${env:HOST}': '$a.example',
    '${env:X:-a:-b}': 'a:-b',
  }
  for (const [written, endpoint] of Object.entries(expected)) {
    t.strictSame(await settings(`{ endpoint: "${written}" }`, environment), { endpoint }, written)
  }
})

t.test('a value that is one variable has the type that it would have in YAML, unless the schema wants text', async (t) => {
  const yaml =
    '{ endpoint: "${env:N}", headers: { a: "${env:N}", b: "${env:T}", c: "${env:E}" }, tls: { insecure: "${env:T}" }, queue: { size: "${env:N}" } }'
  t.strictSame(await settings(yaml, { N: '0042', T: 'true', E: '' }), {
    endpoint: '0042',
    headers: { a: '0042', b: 'true', c: '' },
    tls: { insecure: true },
    queue: { size: 42 },
  })
  t.match(await settings('{ endpoint: a, queue: { size: "${env:A:-0x1F}" } }'), { queue: { size: 31 } })
  t.match(await faults('{ endpoint: a, queue: { size: "1${env:N}" } }', { N: '1' }), [/queue: found a map; accepted/])
})

t.test('what cannot be expanded', async (t) => {
  const accepted = 'accepted: ${env:NAME}, ${env:NAME:-default}, and $$ for a dollar sign'
  const wrong: Readonly<Record<string, string>> = {
    '${env:MISSING}': 'the environment variable MISSING is not set; set it, or give a default: ${env:MISSING:-default}',
    '${constructor}': 'the environment variable constructor is not set; set it, or give a default: ${env:constructor:-default}',
    '${file:/etc/passwd}': `found "\${file:…}", which is not supported; ${accepted}`,
    '${yaml:a}': `found "\${yaml:…}", which is not supported; ${accepted}`,
    '${env:A B}': `found "A B" as the name of an environment variable; ${accepted}`,
    '${env:}': `found "" as the name of an environment variable; ${accepted}`,
    '${env:A': `found "\${" without "}"; ${accepted}`,
    '${env:A:-${env:B}}': `found one variable inside another; ${accepted}`,
  }
  for (const [written, message] of Object.entries(wrong)) {
    t.same(await faults(`{ endpoint: "${written}" }`), [`a.yaml:5:26: exporters.otlp_http.endpoint: ${message}`], written)
  }
})

t.test('a variable that is not set is said once, whatever the schema thinks of it', async (t) => {
  t.same(await faults('{ endpoint: a, tls: { insecure: "${env:X}" } }'), [
    'a.yaml:5:46: exporters.otlp_http.tls.insecure: the environment variable X is not set; set it, or give a default: ${env:X:-default}',
  ])
})

t.test('what came from the environment is not in any error', async (t) => {
  const found = await faults('{ endpoint: a, token: "${env:S}", tls: { insecure: "${env:S}" }, headers: "${env:S}", queue: "x${env:S}" }', {
    S: 'hunter2hunter2',
  })
  t.same(found, [
    'a.yaml:5:36: exporters.otlp_http.token: found *** (a string); accepted: text of at most 8 characters',
    'a.yaml:5:65: exporters.otlp_http.tls.insecure: found the value of ${env:S} (a string; not shown); accepted: true or false',
    'a.yaml:5:88: exporters.otlp_http.headers: found the value of ${env:S} (a string; not shown); accepted: a map',
    'a.yaml:5:107: exporters.otlp_http.queue: found the value of x${env:S} (a string; not shown); accepted: true or false, or a map with size',
  ])
})

t.test("what came from the environment, or is secret, is not in a factory's own errors either", async (t) => {
  const at = async (yaml: string): Promise<readonly string[]> =>
    (await faults(yaml, { S: 'hunter2 is wrong' })).map((fault) => fault.replace(/^.*?: exporters\.otlp_http\./, ''))
  t.same(await at('{ endpoint: "hunter2 is wrong" }'), ['endpoint: found "hunter2 is…"; accepted: what is right'])
  t.same(await at('{ endpoint: "${env:S}" }'), ['endpoint: found the value of ${env:S} (a string; not shown); accepted: what is right'])
  t.same(await at('{ endpoint: a, headers: { x: "hunter2 is wrong" } }'), ['headers.x: found *** (a string); accepted: what is right'])
})

t.test('references and names of plugins may come from the environment', async (t) => {
  const text = around('').replace('[debug]', '["${env:OUT}"]')
  t.same((await loadText(text, { OUT: 'debug' })).config.pipelines[0]?.exporters, ['debug'])
})
