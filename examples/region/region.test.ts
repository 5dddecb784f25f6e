// What a plugin's author tests: the suite that every component passes, and what this one is for.

import t from 'tap'
import { CollectingConsumer, TestSettings, processorSuite, tracesBatch } from 'millrace/testing'
import region from './region.ts'

const config = { region: 'eu-west-1', drop_probes: true }

t.test('the suite of every processor', async (t) => {
  processorSuite(t.test.bind(t), { create: (next, settings) => region.create(config, next, settings) })
})

t.test('stamps the region and leaves out probes, which are accounted for', async (t) => {
  const next = new CollectingConsumer()
  const settings = new TestSettings('acme_region')
  const processor = await region.create(config, next, settings)
  await processor.consume(
    tracesBatch([
      {
        spans: [
          { name: 'GET /orders', attributes: { 'http.route': '/orders' } },
          { name: 'GET /healthz', attributes: { 'http.route': '/healthz' } },
        ],
      },
    ]),
    0,
  )
  t.match(next.spans(), [{ name: 'GET /orders', attributes: { 'http.route': '/orders', 'cloud.region': 'eu-west-1' } }])
  t.equal(next.count, 1)
  t.equal(settings.drops['probe'], 1)
})

t.test('keeps probes when told to', async (t) => {
  const next = new CollectingConsumer()
  const processor = await region.create({ ...config, drop_probes: false }, next, new TestSettings('acme_region'))
  await processor.consume(tracesBatch([{ spans: [{ attributes: { 'http.route': '/healthz' } }] }]), 0)
  t.equal(next.spans()[0]!.attributes['cloud.region'], 'eu-west-1')
})
