// The program's own telemetry, set up as `service.telemetry` says: `run` starts it beside a running service, and traces before it.

import type { Clock } from '../clock.ts'
import type { Logger, MetricAttributes } from '../component.ts'
import type { TelemetryConfig } from '../config/telemetry-schema.ts'
import { formatEndpoint } from '../endpoint.ts'
import type { Tracer } from '../pipeline/tracer.ts'
import type { MemoryMeter } from './meter.ts'
import { MetricsPage } from './metrics-page.ts'
import { metricsRequest } from './metrics-request.ts'
import { type Measured, measureProcess, measureService } from './own-metrics.ts'
import { toPrometheus } from './prometheus.ts'

export interface TelemetryParts {
  readonly meter: MemoryMeter
  readonly clock: Clock
  readonly log: Logger
  readonly version: string
}

export interface RunningTelemetry {
  stop(): Promise<void>
}

const SCOPE = 'millrace'

/** Rejects where an address that the configuration names cannot be had; the one that is there by default may be taken by another. */
export async function startTelemetry(config: TelemetryConfig, service: Measured, parts: TelemetryParts): Promise<RunningTelemetry> {
  const { meter, clock, log, version } = parts
  if (config.metrics.level === 'none') return { stop: async () => {} }
  measureService(meter, service)
  const parting: { stop(): void | Promise<void> }[] = [measureProcess(meter, clock)]
  const resource = resourceOf(config, version)
  const startUnixNano = nano(clock)
  try {
    for (const { endpoint, isDefault } of config.metrics.pages) {
      const page = new MetricsPage(endpoint, () => toPrometheus(meter.read(), resource))
      try {
        await page.start()
      } catch (error) {
        if (!isDefault) throw new Error(`own metrics: ${(error as Error).message}`, { cause: error })
        const remedy = 'choose an address under service.telemetry.metrics.readers'
        log.warn({ endpoint: formatEndpoint(endpoint), reason: (error as Error).message, remedy }, 'own metrics have no page')
        continue
      }
      log.info({ url: `http://${page.address}/metrics` }, 'own metrics for Prometheus')
      parting.push(page)
    }
    for (const options of config.metrics.pushes) {
      const { MetricsPush } = await import('./metrics-push.ts')
      const read = (): Buffer =>
        metricsRequest(meter.read(), { resource, scopeName: SCOPE, scopeVersion: version, startUnixNano, nowUnixNano: nano(clock) })
      const push = new MetricsPush(options, read, clock, log)
      push.start()
      parting.push(push)
    }
  } catch (error) {
    await stopAll(parting)
    throw error
  }
  return { stop: () => stopAll(parting) }
}

export interface RunningTraces {
  readonly tracer: Tracer
  /** Sends what waits. */
  stop(): Promise<void>
}

/** Before a service is built, which traces itself with it. Undefined where there are to be no traces. */
export async function openTraces(
  config: TelemetryConfig,
  { clock, log, version }: Omit<TelemetryParts, 'meter'>,
  redact: (text: string) => string,
): Promise<RunningTraces | undefined> {
  if (config.traces === undefined) return undefined
  const [{ PipelineTracer }, { TracePush }, { traceRequest }] = await Promise.all([
    import('./pipeline-tracer.ts'),
    import('./trace-push.ts'),
    import('./trace-request.ts'),
  ])
  const from = { resource: resourceOf(config, version), scopeName: SCOPE, scopeVersion: version }
  const pushes = config.traces.pushes.map((options) => new TracePush(options, (spans) => traceRequest(spans, from), clock, log))
  const tracer = new PipelineTracer(config.traces.ratio, clock, redact, (span) => {
    for (const push of pushes) push.add(span)
  })
  return { tracer, stop: () => stopAll(pushes) }
}

function resourceOf(config: TelemetryConfig, version: string): MetricAttributes {
  return { 'service.name': SCOPE, 'service.version': version, ...config.resource }
}

async function stopAll(parting: readonly { stop(): void | Promise<void> }[]): Promise<void> {
  await Promise.all(parting.map(async (one) => one.stop()))
}

function nano(clock: Clock): bigint {
  return BigInt(clock.now().getTime()) * 1_000_000n
}
