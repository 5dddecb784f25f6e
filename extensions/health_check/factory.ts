// Extension `health_check`: a page that says whether the pipelines are running, for load balancers and Kubernetes.

import { type ConfigFault, ENDPOINT_ACCEPTED, endpointOf, type ExtensionFactory, defineExtension, quoted } from '../../core/factory.ts'

const schema = {
  type: 'object',
  properties: {
    endpoint: {
      type: 'string',
      default: '127.0.0.1:13133',
      description: 'Where to listen, as host:port. `0.0.0.0:13133` is every interface.',
    },
    path: {
      type: 'string',
      pattern: '^/',
      examples: ['/', '/health'],
      default: '/',
      description: 'Where the page is. A path that ends in `/` takes everything below it too.',
    },
  },
} as const

export const factory: ExtensionFactory<typeof schema> = defineExtension({
  type: 'health_check',
  signals: [],
  stability: 'beta',
  schema,
  check: ({ endpoint }): readonly ConfigFault[] =>
    endpointOf(endpoint) === undefined
      ? [{ path: ['endpoint'], message: `found ${quoted(endpoint)}; accepted: ${ENDPOINT_ACCEPTED}` }]
      : [],
  async create({ endpoint, path }, service, settings) {
    const { HealthCheck } = await import('./health-check.ts')
    return new HealthCheck(endpointOf(endpoint)!, path, service, settings)
  },
})
