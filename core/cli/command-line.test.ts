import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { factories } from '../config/fixtures/factories.ts'
import { around } from '../config/fixtures/loading.ts'
import { commandLine } from './command-line.ts'
import { explainFailure } from './failure.ts'

interface Said {
  readonly code: number
  readonly out: string
  readonly err: string
}

async function millrace(words: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Said> {
  let [out, err] = ['', '']
  const terminal = { out: (text: string) => void (out += text), err: (text: string) => void (err += text), environment }
  const code = await commandLine(words, async () => factories, terminal)
  return { code, out, err }
}

function fileIn(t: Test, name: string, text: string): string {
  const file = join(t.testdir(), name)
  writeFileSync(file, text)
  return file
}

t.test('wrong words end with 2 and say what is accepted', async (t) => {
  const cases: Readonly<Record<string, string>> = {
    archive: 'archive what? accepted: archive ls, archive get, archive verify, archive replay, archive erase',
    'archive lst':
      'unknown command "archive lst"; accepted: archive ls, archive get, archive verify, archive replay, archive erase; did you mean "ls"?',
    'archive ls': 'archive ls needs a configuration; accepted: --config FILE, once or more',
    'archive get -c a.yaml': 'archive get needs one trace id; accepted: 32 hexadecimal digits',
    'archive get 12 -c a.yaml': 'archive get: found "12"; accepted: trace ids, 32 hexadecimal digits',
    'archive erase -c a.yaml': 'archive erase needs to know whose: --tenant NAME',
    'archive ls --day 2026-02-30 -c a.yaml': '--day: found "2026-02-30"; accepted: a day in UTC such as 2026-01-31',
    'archive ls --to x -c a.yaml': 'archive ls takes no --to',
    '': 'no command; accepted: run, validate, components, quickstart, deadletter, queue, sampling, pii, audit, archive',
    vaildate:
      'unknown command "vaildate"; accepted: run, validate, components, quickstart, deadletter, queue, sampling, pii, audit, archive; did you mean "validate"?',
    'run --confg a.yaml': 'unknown option "--confg"; accepted: --config, --help, --version; did you mean "--config"?',
    'run -x': 'unknown option "-x"; accepted: --config, --help, --version',
    run: 'run needs a configuration; accepted: --config FILE, once or more',
    'run --config': '--config needs a file; accepted: --config FILE',
    'run --config=': '--config needs a file; accepted: --config FILE',
    'run -c --help': '-c needs a file; accepted: --config FILE',
    'run a.yaml': 'run takes options only; found "a.yaml"; did you mean --config a.yaml?',
    'components x': 'components takes options only; found "x"',
    'components -c a': 'components takes no --config',
    '--help=yes': '--help takes no value; found "yes"',
    'run --all': 'run takes no --all',
    deadletter: 'deadletter what? accepted: deadletter list, deadletter show, deadletter replay, deadletter drop',
    'deadletter lst -c a': 'unknown command "deadletter lst"; accepted: list, show, replay, drop; did you mean "list"?',
    'deadletter list': 'deadletter list needs a configuration; accepted: --config FILE, once or more',
    'deadletter list 7 -c a': 'deadletter list takes options only; found "7"',
    'deadletter list --to b -c a': 'deadletter list takes no --to',
    'deadletter list --exporte b -c a':
      'unknown option "--exporte"; accepted: --config, --storage, --exporter, --json, --help, --version; did you mean "--exporter"?',
    'deadletter list --exporter': '--exporter needs an exporter; accepted: --exporter ID',
    'deadletter list --storage a --storage b -c a': '--storage stands there twice; accepted: once',
    'deadletter show -c a': 'deadletter show needs the id of one letter, as deadletter list shows it',
    'deadletter show x -c a': 'found "x"; accepted: the id of a letter, as deadletter list shows it',
    'deadletter drop -c a': 'deadletter drop needs to know which letters; accepted: ids, as deadletter list shows them, or --all',
    'deadletter drop --exporter b -c a':
      'deadletter drop needs to know which letters; accepted: ids, as deadletter list shows them, or --all, which with --exporter means all of that exporter',
    'deadletter replay 7 --all -c a': 'deadletter replay takes ids or --all; found both',
    'deadletter replay 7 --exporter b -c a': 'deadletter replay takes ids or --exporter; found both',
    'queue stat 7 -c a': 'queue stat takes options only; found "7"',
    'run --constructor': 'unknown option "--constructor"; accepted: --config, --help, --version',
  }
  for (const [words, sentence] of Object.entries(cases)) {
    const said = await millrace(words === '' ? [] : words.split(' '))
    t.same(said, { code: 2, out: '', err: `millrace: ${sentence}\nmillrace --help shows examples\n` }, words)
  }
})

t.test('help and the version, asked for in every usual way', async (t) => {
  for (const words of [['--help'], ['-h'], ['help'], ['run', '--help'], ['help', 'run']]) {
    const { code, out, err } = await millrace(words)
    t.same([code, err], [0, ''], words.join(' '))
    t.match(out, /Examples\n {2}millrace run --config/)
  }
  for (const words of [['--version'], ['-v']]) t.match(await millrace(words), { code: 0, out: /^millrace \d+\.\d+\.\d+.*\n$/, err: '' })
})

t.test('the example of the help page is a valid file', async (t) => {
  const { out } = await millrace(['--help'])
  const example = /A file to begin with[^\n]*\n((?: {2}.*\n)+)/.exec(out)![1]!
  const file = fileIn(t, 'example.yaml', example)
  t.match(await millrace(['validate', '-c', file]), { code: 0, out: /traces {2}otlp → debug\n$/, err: '' })
})

t.test('validate draws the pipelines of a valid file', async (t) => {
  const lines =
    '  otlp_http: { endpoint: a }\nprocessors: { batch: , attributes: { actions: [] }, batch/idle: }\nextensions: { health_check: }'
  const pipelines = `    traces: { receivers: [otlp], processors: [batch, attributes], exporters: [debug, otlp_http] }
    logs/x: { receivers: [otlp], exporters: [otlp_http] }
  extensions: [health_check]`
  const file = fileIn(t, 'a.yaml', around(lines, pipelines))
  t.same(await millrace(['validate', '--config', file]), {
    code: 0,
    out: `${file}: valid
  traces      otlp → batch → attributes → debug, otlp_http
  logs/x      otlp → otlp_http
  extensions  health_check
`,
    err:
      `warning: ${file}:6:53: processors.batch/idle: defined, but no pipeline uses it: it will not run\n` +
      `warning: ${file}:10:79: service.pipelines.traces.exporters: debug and otlp_http are awaited together: one that is slow or down holds up the others, and senders then send again to all\n`,
  })
})

t.test('what is wrong goes to stderr, all of it, and ends with 3', async (t) => {
  const file = fileIn(t, 'a.yaml', around('recievers:\nprocessors: { batch: { timeout: 5 } }'))
  t.same(await millrace(['validate', '-c', file]), {
    code: 3,
    out: '',
    err: `warning: ${file}:6:15: processors.batch: defined, but no pipeline uses it: it will not run
${file}:5:1: unknown key "recievers"; accepted here: receivers, processors, exporters, connectors, extensions, service, plugins; did you mean "receivers"?
${file}:6:33: processors.batch.timeout: found the number 5; accepted: a duration such as 200ms, 5s, 1m30s or 2h
2 errors in the configuration; nothing was started
`,
  })
})

t.test('a file that breaks everywhere does not flood the terminal', async (t) => {
  const keys = Array.from({ length: 500 }, (_, i) => `wrong${i}: 1`).join('\n')
  const { err } = await millrace(['validate', '-c', fileIn(t, 'a.yaml', around(keys))])
  t.equal(err.split('\n').length, 103)
  t.match(err, /\n… and 400 more\n500 errors in the configuration; nothing was started\n$/)
})

t.test('files that cannot be read are named', async (t) => {
  const folder = t.testdir({ 'latin1.yaml': Buffer.from('a: \u00E9', 'latin1'), 'large.yaml': ' '.repeat((1 << 20) + 1), folder: {} })
  const at = (name: string): string => join(folder, name)
  const words = ['none.yaml', 'latin1.yaml', 'large.yaml', 'folder'].flatMap((name) => ['-c', at(name)])
  t.same((await millrace(['validate', ...words])).err.split('\n'), [
    `${at('none.yaml')}: there is no such file`,
    `${at('latin1.yaml')}: the file is not UTF-8; accepted: YAML in UTF-8`,
    `${at('large.yaml')}: the file is too large; accepted: up to 1048576 bytes`,
    `${at('folder')}: this is a folder; accepted: a YAML file`,
    '4 errors in the configuration; nothing was started',
    '',
  ])
})

t.test('variables come from the environment of the program', async (t) => {
  const file = fileIn(t, 'a.yaml', around('').replace('[debug]', '["${env:OUT}"]'))
  t.equal((await millrace(['validate', '-c', file], { OUT: 'debug' })).code, 0)
  t.match((await millrace(['validate', '-c', file])).err, /the environment variable OUT is not set/)
})

t.test('components lists what there is, by section', async (t) => {
  const { code, out } = await millrace(['components'])
  t.equal(code, 0)
  t.match(out, /^receivers\n {2}otlp +traces, metrics, logs +beta\n {2}jaeger +traces +beta\nprocessors\n/)
  t.match(out, /\n {2}otlp_http +traces, metrics, logs +beta +also otlphttp\n/)
})

t.test('why something did not start is a sentence that says what to do', async (t) => {
  const system = (fields: object): Error =>
    Object.assign(new Error('listen EADDRINUSE: address already in use 127.0.0.1:4318'), {
      code: 'EADDRINUSE',
      syscall: 'listen',
      ...fields,
    })
  const raw = system({ address: '127.0.0.1', port: 4318 })
  t.equal(
    explainFailure(new Error(`receivers.otlp: ${raw.message}`, { cause: raw })),
    'receivers.otlp: cannot listen on 127.0.0.1:4318: another process listens there; stop it or choose another endpoint',
  )
  t.equal(
    explainFailure(system({ address: '::1', port: 1 })),
    'cannot listen on [::1]:1: another process listens there; stop it or choose another endpoint',
  )
  t.equal(explainFailure(new Error('receivers.otlp: said well', { cause: raw })), 'receivers.otlp: said well')
  t.equal(explainFailure('a\nb'), 'a\\nb')
  const circle = new Error('round')
  circle.cause = circle
  t.equal(explainFailure(circle), 'round')
})
