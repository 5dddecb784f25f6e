// A whole plugin: one processor in one function. It reads one attribute and writes one; nothing else of a span is decoded.

import { type ProcessorFactory, eachSpan } from 'millrace'

const schema = {
  type: 'object',
  required: ['region'],
  properties: {
    region: { type: 'string', description: 'Where this pipeline runs; set on every span.' },
    drop_probes: { type: 'boolean', default: true, description: 'Leave out spans of health probes.' },
  },
} as const

const region: ProcessorFactory<typeof schema> = eachSpan({
  type: 'acme_region',
  stability: 'beta',
  schema,
  each(span, config) {
    if (config.drop_probes && span.attributes.get('http.route') === '/healthz') return span.drop('probe')
    span.attributes.set('cloud.region', config.region)
  },
})

export default region
