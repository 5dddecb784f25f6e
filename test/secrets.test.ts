// Secrets in the whole program: nothing that it says or shows has one, plain, encoded for a URL, or in base64; also where the secret itself
// is what is wrong.

import { createServer } from 'node:http'
import { join } from 'node:path'
import { writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { Authority } from '../core/tls/fixtures/certificates.ts'
import { jsonSpan, running, start } from './program.ts'
import { PAGE, pageOf } from './accounts.ts'
import { listening } from './backend.ts'

const SECRET = 'sword/fish+1&2=three'
const USER = 'edge'

function hides(t: Test, text: string, what: string): void {
  const bytes = Buffer.from(SECRET)
  const base64 = [0, 1, 2].map((before) =>
    Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .slice(4, -4),
  )
  const forms = [SECRET, 'sword/f', 'fish+1', encodeURIComponent(SECRET), encodeURIComponent('fish+1'), ...base64]
  for (const form of forms) t.notOk(text.includes(form), `${what}: ${form}`)
}

/** Where a secret may stand, all of them used. */
const everywhere = (backend: string): string => `
extensions:
  basic_auth: { client_auth: { username: ${USER}, password: "${SECRET}" } }
  bearer_token_auth: { token: "${SECRET}" }
  oauth2_client: { client_id: me, client_secret: "${SECRET}", token_url: "http://${backend}/token" }
  service_account_auth: { accounts: { planner: { secret: "${SECRET}" } } }
receivers:
  otlp: { protocols: { http: { endpoint: "127.0.0.1:0", timeout: 2s } } }
  mplp: { endpoint: "127.0.0.1:0", auth: { authenticator: service_account_auth }, trust: { integrity: optional, senders: { planner: { integrity_key: "${SECRET}" } } } }
exporters:
  otlp_http/basic: { endpoint: "http://${backend}", auth: { authenticator: basic_auth } }
  otlp_http/bearer: { endpoint: "http://${backend}", auth: { authenticator: bearer_token_auth } }
  otlp_http/oauth2: { endpoint: "http://${backend}", auth: { authenticator: oauth2_client } }
  otlp_http/headers: { endpoint: "http://${backend}", headers: { api-key: "${SECRET}" } }
service:
  extensions: [basic_auth, bearer_token_auth, oauth2_client, service_account_auth]
  telemetry: { logs: { level: debug }, ${PAGE.slice(1)}
  pipelines: { traces: { receivers: [otlp, mplp], exporters: [otlp_http/basic, otlp_http/bearer, otlp_http/oauth2, otlp_http/headers] } }
`

t.test('a backend that says back what it was shown, in the log, in the answer to senders, on the page', async (t) => {
  const shown: string[] = []
  const server = createServer((request, response) => {
    const said = String(request.headers.authorization ?? request.headers['api-key'])
    const encoded = said.startsWith('Basic ') ? Buffer.from(said.slice(6), 'base64').toString() : said
    shown.push(encoded)
    const text = `${said} ${encodeURIComponent(said)} ${Buffer.from(`x${said}`).toString('base64')} ${encoded}`
    response.writeHead(request.url === '/token' ? 400 : 401, { 'content-type': 'application/json', 'x-echo': encodeURIComponent(said) })
    response.end(JSON.stringify({ code: 16, message: text, error: 'invalid_client', error_description: text }))
  })
  const program = await running(t, everywhere(await listening(t, server)))
  const url = program.url('receivers.otlp')
  const answer = await fetch(`${url}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [jsonSpan('a')] }] }] }),
  })
  hides(t, await answer.text(), 'the answer to the sender')
  const messages = `${program.url('receivers.mplp')}/v1/messages`
  for (const [authorization, integrity_check] of [
    [`Bearer ${SECRET}`, `hmac-sha256:${SECRET}`],
    [`Bearer ${SECRET}x`, SECRET],
  ]) {
    const headers = { 'content-type': 'application/json', authorization: authorization! }
    const body = JSON.stringify({ message_type: 'trace_start', sender: { sender_id: 'planner' }, security: { integrity_check } })
    hides(t, await (await fetch(messages, { method: 'POST', headers, body })).text(), 'the answer to a message')
  }
  hides(t, await pageOf(program), 'the page')
  program.child.kill('SIGTERM')
  await program.ended
  t.same([shown.some((text) => text === `${USER}:${SECRET}`), shown.some((text) => text.includes(SECRET))], [true, true], 'it was shown')
  hides(t, program.said(), 'the log')
})

/** What is wrong is the secret, or stands beside it: what to replace in the file, and by what. */
type Fault = readonly [correct: string, wrong: string]
const FAULTS: readonly Fault[] = [
  [`password: "${SECRET}"`, `password: ["${SECRET}"]`],
  [`token: "${SECRET}"`, `token: { a: "${SECRET}" }`],
  [`client_secret: "${SECRET}"`, `client_secrets: "${SECRET}"`],
  [`planner: { secret: "${SECRET}" }`, `planner: { secret: "${SECRET} " }`],
  [`integrity_key: "${SECRET}"`, `integrity_key: ["${SECRET}"]`],
  [`authenticator: basic_auth }`, `authenticator: basic_auth }, proxy_url: "ftp://a:${encodeURIComponent(SECRET)}@b"`],
  [`authenticator: bearer_token_auth }`, `authenticator: bearer_token_auth }, proxy_url: "${SECRET} "`],
  [`api-key: "${SECRET}"`, `api-key: "${SECRET}\\nx"`],
  [`authenticator: oauth2_client }`, `authenticator: oauth2_client }, traces_endpoint: "http://a:${encodeURIComponent(SECRET)}@b"`],
]
const YAML_FAULTS: readonly Fault[] = [[`password: "${SECRET}"`, `password: "${SECRET}`]]
/** Found when the key is used. */
const START_FAULTS: readonly Fault[] = [
  ['otlp_http/basic: { endpoint: "http:', 'otlp_http/basic: { endpoint: "https:'],
  [
    `authenticator: basic_auth }`,
    `authenticator: basic_auth }, tls: { key_pem: "${SECRET}", cert_pem: ${JSON.stringify(new Authority().cert)} }`,
  ],
]

t.test('what is wrong is told without it, by validate and at the start', async (t) => {
  const folder = t.testdir()
  const say = async (
    command: string,
    name: string,
    faults: readonly Fault[],
  ): Promise<{ readonly code: number | null; readonly said: string }> => {
    let yaml = everywhere('127.0.0.1:9')
    for (const [correct, wrong] of faults) {
      t.ok(yaml.includes(correct), 'there is something to replace')
      yaml = yaml.replace(correct, wrong)
    }
    const file = join(folder, `${name}.yaml`)
    writeFileSync(file, yaml)
    const program = start(t, [command, '--config', file])
    const code = await program.ended
    hides(t, program.said(), name)
    return { code, said: program.said() }
  }
  t.match(await say('validate', 'correct', []), { code: 0, said: /: valid$/m })
  t.match(await say('validate', 'faults', FAULTS), { code: 3, said: new RegExp(`^${FAULTS.length} errors in the configuration`, 'm') })
  t.match(await say('validate', 'yaml', YAML_FAULTS), { code: 3, said: /not valid YAML/ })
  t.match(await say('run', 'start', START_FAULTS), { code: 1, said: /^cannot start: exporters\.otlp_http\/basic: .*key_pem/m })
})
