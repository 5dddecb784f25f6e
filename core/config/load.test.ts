import t from 'tap'
import { renderFault } from './fault.ts'
import { factories } from './fixtures/factories.ts'
import { around, faultsIn, loadText } from './fixtures/loading.ts'
import { loadSources } from './load.ts'

t.test('a valid file becomes a ServiceConfig with defaults filled in', async (t) => {
  const { config, warnings } = await loadText(`
receivers:
  otlp:
    protocols: { http: { max_request_body_size: 1MiB } }
processors:
  batch: { timeout: 0 }
exporters:
  otlphttp/a: { endpoint: "http://localhost:4318" }
  debug:
connectors:
  forward:
extensions:
  health_check:
service:
  extensions: [health_check]
  drain_timeout: 1m30s
  telemetry: { logs: { level: warn } }
  pipelines:
    traces: { receivers: [otlp], processors: [batch], exporters: [forward] }
    traces/out: { receivers: [forward], exporters: [otlp_http/a] }
    traces/show: { receivers: [forward], exporters: [debug] }
`)
  t.same(warnings, [])
  t.same(config.receivers.get('otlp')?.config, { protocols: { http: { endpoint: '127.0.0.1:4318', max_request_body_size: 1048576 } } })
  t.same(config.processors.get('batch')?.config, { timeout: '0s', send_batch_size: 8192, send_batch_max_size: 0 })
  t.same(config.exporters.get('debug')?.config, { verbosity: 'normal' })
  t.equal(config.exporters.get('otlphttp/a')?.factory.type, 'otlp_http')
  t.same(config.pipelines, [
    { id: 'traces', signal: 'traces', receivers: ['otlp'], processors: ['batch'], exporters: ['forward'] },
    { id: 'traces/out', signal: 'traces', receivers: ['forward'], processors: [], exporters: ['otlphttp/a'] },
    { id: 'traces/show', signal: 'traces', receivers: ['forward'], processors: [], exporters: ['debug'] },
  ])
  t.same([...config.connectors.keys(), ...config.extensions.keys()], ['forward', 'health_check'])
  t.same([config.telemetry.logLevel, config.drainTimeoutMs], ['warn', 90_000])
})

t.test('destinations that are awaited together are a warning: one can hold up the others', async (t) => {
  const { warnings } = await loadText(`
receivers: { otlp: { protocols: { http: } } }
exporters: { debug: , debug/a: , debug/b: }
service: { pipelines: { traces: { receivers: [otlp], exporters: [debug, debug/a, debug/b] } } }
`)
  t.same(warnings.map(renderFault), [
    'a.yaml:4:66: service.pipelines.traces.exporters: debug, debug/a and debug/b are awaited together: one that is slow or down holds up the others, and senders then send again to all',
  ])
})

t.test('a destination with a queue holds up nobody', async (t) => {
  const warningsWith = async (queueOfA: boolean, queueOfB: boolean): Promise<readonly string[]> => {
    const { warnings } = await loadText(`
receivers: { otlp: { protocols: { http: } } }
exporters:
  queueing/a: { sending_queue: { enabled: ${queueOfA} } }
  queueing/b: { sending_queue: { enabled: ${queueOfB} } }
service: { pipelines: { traces: { receivers: [otlp], exporters: [queueing/a, queueing/b] } } }
`)
    return warnings.map(renderFault)
  }
  t.same(await warningsWith(true, true), [])
  t.match(await warningsWith(true, false), [/exporters: queueing\/b has no sending_queue as the others have: when it is slow or down/])
  t.match(await warningsWith(false, false), [/queueing\/a and queueing\/b are awaited together/])
})

t.test('a connector that answers early holds up nobody', async (t) => {
  const warningsWith = async (exporters: string): Promise<readonly string[]> => {
    const { warnings } = await loadText(`
receivers: { otlp: { protocols: { http: } } }
connectors: { span_metrics: , span_metrics/b: }
exporters: { debug: , queueing: { sending_queue: { enabled: true } } }
service:
  pipelines:
    traces: { receivers: [otlp], exporters: [span_metrics, span_metrics/b${exporters}] }
    metrics: { receivers: [span_metrics, span_metrics/b], exporters: [queueing] }
`)
    return warnings.map(renderFault).filter((text) => text.includes('pipelines.traces'))
  }
  t.same(await warningsWith(''), [])
  t.same(await warningsWith(', queueing'), [])
  t.match(await warningsWith(', debug'), [
    /exporters: debug has no sending_queue: when it is slow or down, senders wait for it, and then send again to all/,
  ])
})

t.test('what a factory says of its settings is told beside what the schema says', async (t) => {
  t.same(await faultsIn(around('processors:\n  batch: { send_batch_max_size: 7, timout: 1s }')), [
    'a.yaml:6:33: processors.batch.send_batch_max_size: found 7; accepted: at least 8192',
    'a.yaml:6:36: processors.batch: unknown key "timout"; accepted here: timeout, send_batch_size, send_batch_max_size; did you mean "timeout"?',
  ])
  t.same(await faultsIn(around('processors:\n  batch: { send_batch_max_size: seven }')), [
    'a.yaml:6:33: processors.batch.send_batch_max_size: found "seven"; accepted: a whole number of at least 0',
  ])
})

t.test('what is defined but not used is a warning, and not in the configuration', async (t) => {
  const { config, warnings } = await loadText(around('processors:\n  batch:\nextensions:\n  health_check:'))
  t.same(warnings.map(renderFault), [
    'a.yaml:6:3: processors.batch: defined, but no pipeline uses it: it will not run',
    'a.yaml:8:3: extensions.health_check: defined, but not listed in service.extensions: it will not run',
  ])
  t.equal(config.processors.size, 0)
})

t.test('a file with three mistakes reports all three with line and column', async (t) => {
  const text = `receivers:
  otlp:
    protocols:
      http:
        endpont: 127.0.0.1:4318
exporters:
  debug:
    verbosity: loud
service:
  pipelines:
    traces:
      receivers: [otlp]
      exporters: [debgu]
`
  t.same(await faultsIn(text), [
    'a.yaml:5:9: receivers.otlp.protocols.http: unknown key "endpont"; accepted here: endpoint, max_request_body_size; did you mean "endpoint"?',
    'a.yaml:8:16: exporters.debug.verbosity: found "loud"; accepted: basic, normal, detailed',
    'a.yaml:13:19: service.pipelines.traces.exporters[0]: no exporter "debgu" is defined; defined are: debug; did you mean "debug"?',
  ])
})

// Put between the sections of a valid file, these begin on line 5; a pipeline stands on the lines after them.
const WRONG_LINES: Readonly<Record<string, readonly [lines: string, ...faults: string[]]>> = {
  'an unknown section': [
    'recievers:\n  otlp:',
    '5:1: unknown key "recievers"; accepted here: receivers, processors, exporters, connectors, extensions, service, plugins; did you mean "receivers"?',
  ],
  'an unknown type': [
    'processors:\n  bacth:',
    '6:3: processors.bacth: unknown type "bacth"; accepted here: batch, attributes; did you mean "batch"?',
  ],
  'a type of another section': [
    'processors:\n  otlphttp:',
    '6:3: processors.otlphttp: unknown type "otlphttp"; accepted here: batch, attributes; "otlphttp" is an exporter',
  ],
  'what is not an id': [
    'processors:\n  "batch/a b":\n  batch/:',
    '6:3: processors.batch/a b: "batch/a b" is not an id; accepted: "type" or "type/name", without spaces',
    '7:3: processors.batch/: "batch/" is not an id; accepted: "type" or "type/name", without spaces',
  ],
  'a number where a duration belongs': [
    'processors:\n  batch: { timeout: 5 }',
    '6:21: processors.batch.timeout: found the number 5; accepted: a duration such as 200ms, 5s, 1m30s or 2h',
  ],
  'text where a number belongs': [
    'processors:\n  batch: { send_batch_size: "100" }',
    '6:29: processors.batch.send_batch_size: found "100"; accepted: a whole number of at least 0; write it without quotes',
  ],
  'a number out of range': [
    'processors:\n  batch:\n    send_batch_size: -1',
    '7:22: processors.batch.send_batch_size: found the number -1; accepted: a whole number of at least 0',
  ],
  'a number where text belongs, and a missing key': [
    'processors:\n  attributes:\n    actions:\n      - key: 1\n        acton: insert',
    '8:9: processors.attributes.actions[0]: missing key "action"; accepted: insert, update, delete',
    '8:14: processors.attributes.actions[0].key: found the number 1; accepted: text; put it in quotes',
    '9:9: processors.attributes.actions[0]: unknown key "acton"; accepted here: key, action, value; did you mean "action"?',
  ],
  'a missing key of a section': ['processors:\n  attributes:', '6:3: processors.attributes: missing key "actions"; accepted: a list'],
  'text where a list belongs': [
    'processors:\n  attributes: { actions: insert }',
    '6:26: processors.attributes.actions: found "insert"; accepted: a list; put it in [brackets]',
  ],
  'nothing where a list belongs': [
    'processors:\n  attributes:\n    actions:',
    '7:13: processors.attributes.actions: found nothing; accepted: a list',
  ],
  'a list where a section belongs': ['processors: [batch]', '5:13: processors: found a list of 1; accepted: a map'],
  'a rule that only the factory knows': [
    'processors:\n  batch: { send_batch_size: 100, send_batch_max_size: 10 }',
    '6:55: processors.batch.send_batch_max_size: found 10; accepted: at least 100',
  ],
  'duplicate keys': ['processors:\n  batch:\n  batch:', '7:3: processors: key "batch" stands here twice; the first is on line 6'],
  'an unknown key in a name that drives a terminal': [
    'processors:\n  batch: { "a\\e[2J\\r\\nb": 1 }',
    '6:12: processors.batch: unknown key "a\\u001b[2J\\r\\nb"; accepted here: timeout, send_batch_size, send_batch_max_size',
  ],
}
t.test('wrong settings', async (t) => {
  for (const [name, [lines, ...faults]] of Object.entries(WRONG_LINES)) {
    t.same(
      await faultsIn(around(lines)),
      faults.map((fault) => `a.yaml:${fault}`),
      name,
    )
  }
})

// More exporters, from line 5 on.
const WRONG_EXPORTERS: Readonly<Record<string, readonly [lines: string, ...faults: string[]]>> = {
  'a missing endpoint stands at the key': ['  otlp_http:', '5:3: exporters.otlp_http: missing key "endpoint"; accepted: text'],
  'both spellings of one id': [
    '  otlp_http: { endpoint: a }\n  otlphttp: { endpoint: b }',
    '6:3: exporters.otlphttp: "otlphttp" is the same component as "otlp_http" on line 5; accepted: one definition',
  ],
  'text where true or false belongs': [
    '  otlp_http: { endpoint: a, tls: { insecure: yes } }',
    '5:46: exporters.otlp_http.tls.insecure: found "yes"; accepted: true or false',
  ],
  'a choice': [
    '  otlp_http: { endpoint: a, queue: { size: x } }',
    '5:36: exporters.otlp_http.queue: found a map; accepted: true or false, or a map with size',
  ],
  'secrets are not shown': [
    '  otlp_http: { endpoint: a, token: hunter2hunter2, headers: { x: 12345 } }',
    '5:36: exporters.otlp_http.token: found *** (a string); accepted: text of at most 8 characters',
    '5:66: exporters.otlp_http.headers.x: found *** (a number); accepted: text; put it in quotes',
  ],
  'what lies in a secret is not shown either': [
    '  otlp_http: { endpoint: a, auth: { password: hunter2hunter2 } }',
    '5:47: exporters.otlp_http.auth.password: found *** (a string); accepted: text of at most 8 characters',
  ],
}
t.test('wrong settings of exporters', async (t) => {
  for (const [name, [lines, ...faults]] of Object.entries(WRONG_EXPORTERS)) {
    t.same(
      await faultsIn(around(lines)),
      faults.map((fault) => `a.yaml:${fault}`),
      name,
    )
  }
})

t.test('a size without its right unit', async (t) => {
  const text = around('').replace('http: ', 'http: { max_request_body_size: 64Mib }')
  t.same(await faultsIn(text), [
    'a.yaml:2:55: receivers.otlp.protocols.http.max_request_body_size: found "64Mib"; accepted: a size such as 1048576, 512KiB or 64MiB, at least 1',
  ])
})

t.test('wrong settings of the service', async (t) => {
  const wrong = async (service: string): Promise<readonly string[]> => faultsIn(`service:\n  pipelines: {}\n  ${service}`)
  const noPipeline = 'a.yaml:2:14: service.pipelines: found an empty map; accepted: a map of at least 1 entry'
  t.same(await wrong('drain_timeout: 5d'), [
    noPipeline,
    'a.yaml:3:18: service.drain_timeout: found "5d"; accepted: a duration such as 200ms, 5s, 1m30s or 2h',
  ])
  t.same(await wrong('telemetry: { logs: { level: warning }, tracing: {} }'), [
    noPipeline,
    'a.yaml:3:31: service.telemetry.logs.level: found "warning"; accepted: debug, info, warn, error, DEBUG, INFO, WARN, ERROR',
    'a.yaml:3:42: service.telemetry: unknown key "tracing"; accepted here: logs, metrics, traces, resource',
  ])
  const readers = (text: string): Promise<readonly string[]> =>
    faultsIn(around('', `    traces: { receivers: [otlp], exporters: [debug] }\n  telemetry: { metrics: { readers: [${text}] } }`))
  t.same(await readers('{ pull: { exporter: { prometheus: } } }, { periodic: { exporter: { otlp: { endpoint: "http://a:4318" } } } }'), [])
  const at = /service\.telemetry\.metrics\.readers\[0\]/
  t.match(await readers('{}'), [new RegExp(`${at.source}: accepted: either "pull" or "periodic"`)])
  t.match(await readers('{ pull: { exporter: { prometheus: { host: "a b" } } } }'), [
    /\.pull\.exporter\.prometheus\.host: found "a b"; accepted: an address or a name/,
  ])
  t.match(await readers('{ pull: { exporter: { prometheus: { without_units: false } } } }'), [/without_units/])
  t.match(await readers('{ periodic: { exporter: { otlp: { endpoint: a } } } }'), [/\.otlp\.endpoint: found "a"; accepted: an address/])
  t.match(await readers('{ periodic: { exporter: { otlp: { endpoint: "http://a", protocol: grpc } } } }'), [/protocol: found "grpc"/])
})

t.test("the service's own telemetry is as in a file of the Collector", async (t) => {
  const telemetryOf = async (text: string) => (await loadText(around(text))).config.telemetry
  t.match(await telemetryOf(''), {
    logLevel: 'info',
    logEncoding: 'console',
    metrics: { level: 'normal', pages: [{ endpoint: { host: '127.0.0.1', port: 8888 }, isDefault: true }], pushes: [] },
  })
  const service = `  telemetry:
    logs: { level: DEBUG, encoding: json }
    resource: { service.name: mine }
    metrics:
      level: detailed
      readers:
        - pull: { exporter: { prometheus: { host: 0.0.0.0, port: 9999, without_scope_info: true } } }
        - periodic:
            interval: 10000
            exporter: { otlp: { protocol: http/protobuf, endpoint: "https://a.example/otlp", headers: [{ name: api-key, value: secret }] } }`
  const { config, secrets } = await loadText(around('', `    traces: { receivers: [otlp], exporters: [debug] }\n${service}`))
  t.same(config.telemetry, {
    logLevel: 'debug',
    logEncoding: 'json',
    metrics: {
      level: 'detailed',
      pages: [{ endpoint: { host: '0.0.0.0', port: 9999 }, isDefault: false }],
      pushes: [{ endpoint: 'https://a.example/otlp', headers: { 'api-key': 'secret' }, intervalMs: 10_000, timeoutMs: 10_000 }],
    },
    resource: { 'service.name': 'mine' },
  })
  t.same(secrets, ['secret'])

  const resource = async (text: string) =>
    (await loadText(around('', `    traces: { receivers: [otlp], exporters: [debug] }\n  telemetry: { resource: ${text} }`))).config
      .telemetry.resource
  const list = '[{ name: service.name, value: mine }, { name: team, value: a, type: string }]'
  t.same(await resource(`{ attributes: ${list} }`), { 'service.name': 'mine', team: 'a' })
  t.same(await resource(`{ region: eu, team: b, attributes: ${list} }`), { region: 'eu', 'service.name': 'mine', team: 'a' })
})

// Each is all that stands under service.pipelines; the connectors are `forward`, `forward/2` and `span_metrics`.
const DEFINED = 'processors: { batch: , attributes: { actions: [] } }\nconnectors: { forward: , forward/2: , span_metrics: }'
const WRONG_PIPELINES: Readonly<Record<string, readonly [pipelines: string, ...faults: string[]]>> = {
  'no receivers, no exporters': [
    'traces: { receivers: [] }',
    'traces: missing key "exporters"; accepted: a list of at least 1 entry',
    'traces.receivers: found an empty list; accepted: a list of at least 1 entry',
  ],
  'an unknown signal': [
    'trace/x: { receivers: [otlp], exporters: [debug] }',
    'trace/x: unknown signal "trace"; accepted here: traces, metrics, logs; did you mean "traces"?',
  ],
  'an exporter as a receiver': [
    'traces: { receivers: [debug], exporters: [debug] }',
    'traces.receivers[0]: "debug" is an exporter; accepted here: the id of a receiver or a connector',
  ],
  'a connector as a processor': [
    'traces: { receivers: [otlp], processors: [forward], exporters: [debug] }',
    'traces.processors[0]: "forward" is a connector; accepted here: the id of a processor',
  ],
  'a type that is known but not defined': [
    'traces: { receivers: [otlp, jaeger], exporters: [debug] }',
    'traces.receivers[1]: no receiver "jaeger" is defined; defined are: otlp, forward, forward/2, span_metrics; to use it, add "jaeger:" under "receivers"',
  ],
  'one id twice': [
    'traces: { receivers: [otlp], processors: [batch, attributes, batch], exporters: [debug] }',
    'traces.processors[2]: "batch" stands in this list twice; accepted: each id once',
  ],
  'a signal that a component does not take': [
    'logs: { receivers: [otlp], processors: [attributes], exporters: [debug] }',
    'logs.processors[0]: "attributes" cannot take logs; type "attributes" takes traces',
    'logs.exporters[0]: "debug" cannot take logs; type "debug" takes traces',
  ],
  'a signal that a connector does not give': [
    'traces: { receivers: [otlp, span_metrics], exporters: [span_metrics] }',
    'traces.receivers[1]: "span_metrics" cannot give traces; type "span_metrics" gives metrics',
    'traces.exporters[0]: what ends in the connector "span_metrics" goes nowhere; it needs a metrics pipeline that names it under "receivers"',
  ],
  'a connector that nothing begins with': [
    'traces: { receivers: [otlp], exporters: [forward] }',
    'traces.exporters[0]: what ends in the connector "forward" goes nowhere; it needs a traces pipeline that names it under "receivers"',
  ],
  'a connector that nothing ends in': [
    'traces: { receivers: [forward], exporters: [debug] }',
    'traces.receivers[0]: nothing comes from the connector "forward"; it needs a traces pipeline that names it under "exporters"',
  ],
  'a pipeline that feeds itself': [
    'traces: { receivers: [otlp, forward], exporters: [debug, forward] }',
    'traces.exporters[1]: these pipelines feed each other in a circle: traces → forward → traces; take one connector out of it',
  ],
  'pipelines that feed each other, and one that only starts it': [
    'traces: { receivers: [otlp], exporters: [forward] }\n    traces/a: { receivers: [forward, forward/2], exporters: [span_metrics, forward/2] }\n' +
      '    metrics: { receivers: [span_metrics], exporters: [otlp_http] }',
    'traces/a.exporters[1]: these pipelines feed each other in a circle: traces/a → forward/2 → traces/a; take one connector out of it',
    'metrics.exporters[0]: no exporter "otlp_http" is defined; defined are: debug, forward, forward/2, span_metrics; to use it, add "otlp_http:" under "exporters"',
  ],
  'a circle through two connectors': [
    'traces/a: { receivers: [otlp, forward], exporters: [forward/2] }\n    traces/b: { receivers: [forward/2], exporters: [forward, debug] }',
    'traces/a.exporters[0]: these pipelines feed each other in a circle: traces/a → forward/2 → traces/b → forward → traces/a; take one connector out of it',
  ],
}
t.test('wrong pipelines', async (t) => {
  for (const [name, [pipelines, ...faults]] of Object.entries(WRONG_PIPELINES)) {
    const found = await faultsIn(around(DEFINED, `    ${pipelines}`))
    t.same(
      found.map((fault) => fault.replace(/^a\.yaml:\d+:\d+: service\.pipelines\./, '')),
      faults,
      name,
    )
  }
})

t.test('the same signal may pass two connectors side by side, and metrics may flow where traces do', async (t) => {
  const pipelines = `    traces: { receivers: [otlp], exporters: [forward, forward/2, span_metrics] }
    traces/b: { receivers: [forward, forward/2], exporters: [debug] }
    metrics: { receivers: [span_metrics], exporters: [forward] }
    metrics/b: { receivers: [forward], exporters: [otlp_http] }`
  t.same(await faultsIn(around(`  otlp_http: { endpoint: a }\n${DEFINED}`, pipelines)), [])
})

t.test('later files win: maps merge, lists replace, and errors name the right file', async (t) => {
  const first = { file: 'a.yaml', text: around('  otlp_http: { endpoint: a, headers: { x: "1" } }') }
  const second = {
    file: 'b.yaml',
    text: 'exporters:\n  otlp_http: { headers: { y: "2" } }\nservice: { pipelines: { traces: { exporters: [otlp_http] } } }',
  }
  t.same(await faultsIn([first, second]), [])
  const third = { file: 'c.yaml', text: 'exporters:\n  otlp_http: { endpont: c }\n  debug: { verbosity: 1 }' }
  t.same(await faultsIn([first, second, third]), [
    'c.yaml:2:16: exporters.otlp_http: unknown key "endpont"; accepted here: endpoint, headers, token, auth, tls, key_file, authenticator, queue; did you mean "endpoint"?',
    'c.yaml:3:23: exporters.debug.verbosity: found the number 1; accepted: basic, normal, detailed',
  ])
})

t.test('every error of every file comes at once, in the order of the files', async (t) => {
  const sources = [
    { file: 'z.yaml', text: around('processors:\n  bach:') },
    { file: 'a.yaml', text: 'wrong: 1\nexporters: { debug: { x: 1 } }' },
  ]
  t.same(
    (await faultsIn(sources)).map((fault) => fault.split(': ', 1)[0]),
    ['z.yaml:6:3', 'a.yaml:1:1', 'a.yaml:2:23'],
  )
})

t.test('a setting may name an extension, which must run and be able to do it', async (t) => {
  const file = (authenticator: string, running: string = '[health_check, basicauth/client, basic_auth/server]'): string => `
receivers: { otlp: { protocols: { http: } } }
exporters:
  otlp_http:
    endpoint: http://127.0.0.1:4318
    authenticator: ${authenticator}
extensions:
  health_check:
  basicauth/client: { client: { username: me } }
  basic_auth/server:
  basic_auth/idle: { client: }
service:
  extensions: ${running}
  pipelines: { traces: { receivers: [otlp], exporters: [otlp_http] } }
`
  t.same(await faultsIn(file('basicauth/client')), [])
  t.same(await faultsIn(file('basic_auth/client')), [], 'in the other spelling')
  const at = 'a.yaml:6:20: exporters.otlp_http.authenticator: '
  t.same(await faultsIn(file('basic_auth/cliemt')), [
    `${at}no extension "basic_auth/cliemt" is defined; usable here: basicauth/client, basic_auth/idle; did you mean "basicauth/client"?`,
  ])
  t.same(await faultsIn(file('basic_auth/server')), [
    `${at}the extension "basic_auth/server" cannot authenticate what is sent, as it is configured; usable here: basicauth/client, basic_auth/idle`,
  ])
  t.same(await faultsIn(file('basic_auth/idle')), [
    `${at}the extension "basic_auth/idle" is not listed in service.extensions; add it there`,
  ])
  t.same(await faultsIn(file('health_check')), [
    `${at}the extension "health_check" cannot authenticate what is sent, as it is configured; usable here: basicauth/client, basic_auth/idle`,
  ])
})

t.test('an extension that names another stands behind it, or it would start before it, and stop after it', async (t) => {
  const file = (running: string): string => `
receivers: { otlp: { protocols: { http: } } }
exporters: { debug: }
extensions:
  basic_auth/first: { or: basic_auth/second }
  basic_auth/second:
service:
  extensions: ${running}
  pipelines: { traces: { receivers: [otlp], exporters: [debug] } }
`
  t.same(await faultsIn(file('[basic_auth/second, basic_auth/first]')), [])
  t.same(await faultsIn(file('[basic_auth/first, basic_auth/second]')), [
    'a.yaml:5:27: extensions.basic_auth/first.or: the extension "basic_auth/second" has to stand before this one in service.extensions',
  ])
})

t.test('what a factory finds only with its work at hand is a fault like any other', async (t) => {
  const file = (endpoint: string, more: string = ''): string => around(`  otlp_http: { endpoint: "${endpoint}"${more} }`)
  t.same(await faultsIn(file('too deep')), ['a.yaml:5:26: exporters.otlp_http.endpoint: found "too deep"; accepted: nothing that deep'])
  t.match(await faultsIn(file('wrong deep')), [/found "wrong deep…"; accepted: what is right$/], 'not beside what `check` found')
  t.same(await faultsIn(file('fine')), [])
})

t.test("a path that begins with a dot is beside the file that it stands in, any other is the working directory's", async (t) => {
  const pathOf = async (written: string): Promise<unknown> => {
    const text = around(`  otlp_http: { endpoint: a, key_file: ${written} }`, '    traces: { receivers: [otlp], exporters: [otlp_http] }')
    const { config } = await loadSources([{ file: '/etc/millrace/a.yaml', text }], factories, {})
    return (config.exporters.get('otlp_http')!.config as { readonly key_file: string }).key_file
  }
  t.equal(await pathOf('./tls/key.pem'), '/etc/millrace/tls/key.pem')
  t.equal(await pathOf('../key.pem'), '/etc/key.pem')
  t.equal(await pathOf('tls/key.pem'), 'tls/key.pem')
  t.equal(await pathOf('/run/key.pem'), '/run/key.pem')
  t.equal(await pathOf('.hidden'), '.hidden')
})

t.test('dead letters need a storage that runs', async (t) => {
  const yaml = around('extensions: { health_check: }').replace('service:\n', 'service:\n  dead_letters: { storage: health_check }\n')
  t.same(await faultsIn(yaml), ['a.yaml:7:28: service.dead_letters.storage: the extension "health_check" keeps nothing on disk'])
})
