// Where files lie that a configuration names: every setting that names one takes `./x` to lie beside the file of the configuration, wherever the program
// is started, so that `run` and the commands that read what it wrote mean the same.

import { mkdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import t from 'tap'
import type { ConfigSchema } from '../core/config/schema.ts'
import { pages } from '../docs/pages.ts'
import { jsonSpan, postSpans, start } from './program.ts'

/** Paths of URLs, not of files. */
const OF_URLS = /_url_path$|^exporters\/prometheus path$|^extensions\/health_check path$/

function unfitting(schema: ConfigSchema, name: string): readonly string[] {
  const inner = Object.entries(schema.properties ?? {}).flatMap(([key, property]) => unfitting(property, key))
  const more = typeof schema.additionalProperties === 'object' ? unfitting(schema.additionalProperties, name) : []
  const items = schema.items === undefined ? [] : unfitting(schema.items, name)
  const isFile = schema.type === 'string' && /(?:^|_)(?:file|directory|filename|path)$/.test(name)
  return [...(isFile && schema.format !== 'path' ? [name] : []), ...inner, ...more, ...items]
}

t.test('every setting that names a file or a folder is one of a path', async (t) => {
  const found = (await pages()).flatMap(({ file, schema }) => {
    const place = relative(join(import.meta.dirname, '..'), file).replace('/README.md', '')
    return unfitting(schema, '').map((key) => `${place} ${key}`)
  })
  t.same(
    found.filter((one) => !OF_URLS.test(one)),
    [],
  )
})

t.test('an archive in ./data lies beside its configuration, for who writes it and for who lists it', async (t) => {
  const yaml = `receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:0 } } } }
exporters: { s3_archive: { target: file, directory: ./data, in_memory: true } }
service: { telemetry: { metrics: { level: none } }, pipelines: { traces: { receivers: [otlp], exporters: [s3_archive] } } }
`
  const folder = t.testdir({ 'a.yaml': yaml })
  const [here, there] = [join(folder, 'here'), join(folder, 'there')]
  for (const made of [here, there]) mkdirSync(made)
  const config = ['--config', join(folder, 'a.yaml')]
  const program = start(t, ['run', ...config], { cwd: here })
  await program.says(/^ready in/m)
  t.equal(await postSpans(program.url('receivers.otlp'), [jsonSpan('GET /orders')]), 200)
  program.child.kill('SIGTERM')
  t.equal(await program.ended, 0)
  const list = start(t, ['archive', 'ls', ...config], { cwd: there })
  t.equal(await list.ended, 0, list.said())
  t.match(list.said(), /1 objects with 1 spans/)
})
