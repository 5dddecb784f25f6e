import t from 'tap'
import { optionTable, withOptions } from './option-table.ts'
import type { ConfigSchema } from './schema.ts'

const schema: ConfigSchema = {
  type: 'object',
  required: ['endpoint'],
  properties: {
    endpoint: { type: 'string', description: 'Where: a | b.' },
    timeout: { type: 'string', format: 'duration', default: '5s', description: 'How long.' },
    limit: { type: 'integer', format: 'bytes', default: 65_536, description: 'How much.' },
    headers: { type: 'object', additionalProperties: { type: 'string', secret: true }, description: 'What else.' },
    mode: { enum: ['a', 'b'], default: 'a', description: 'Which.' },
    tls: { type: 'object', properties: { insecure: { type: 'boolean', default: false, description: 'Whether.' } } },
    rules: {
      type: 'array',
      description: 'In order.',
      items: {
        type: 'object',
        required: ['key'],
        properties: { key: { type: 'string', description: 'What.' }, value: { description: 'Any.' } },
      },
    },
    more: { type: 'array', folded: true, description: 'As rules.', items: { type: 'object', properties: { key: { type: 'string' } } } },
    queue: { anyOf: [{ type: 'boolean' }, { type: 'number' }], description: 'If at all.' },
  },
}

t.test('every option has a row, with its path, type and default', async (t) => {
  t.same(optionTable(schema).split('\n'), [
    '| option | type | default | meaning |',
    '|---|---|---|---|',
    '| `endpoint` | text | required | Where: a \\| b. |',
    '| `timeout` | duration | `5s` | How long. |',
    '| `limit` | size | `64KiB` | How much. |',
    '| `headers` | map of text |  | What else. |',
    '| `mode` | `a`, `b` | `a` | Which. |',
    '| `tls.insecure` | true or false | `false` | Whether. |',
    '| `rules` | list of section |  | In order. |',
    '| `rules[].key` | text | required | What. |',
    '| `rules[].value` | any value |  | Any. |',
    '| `more` | list of section |  | As rules. |',
    '| `queue` | true or false or number |  | If at all. |',
    '',
  ])
  t.equal(optionTable({ type: 'object', properties: {} }), 'It has no options.\n')
})

t.test('only what stands between the marks is replaced', async (t) => {
  const page = 'before\n<!-- options -->\nold\n<!-- /options -->\nafter\n'
  const written = withOptions(page, { type: 'object', properties: {} })
  t.equal(written, 'before\n<!-- options -->\nIt has no options.\n<!-- /options -->\nafter\n')
  t.equal(withOptions(written!, { type: 'object', properties: {} }), written, 'and again changes nothing')
  for (const without of ['', 'a <!-- options --> b', '<!-- options -->\n']) t.equal(withOptions(without, schema), undefined)
})
