// What the program measures of itself: what came in and went out, under the names that the Collector gives to its own, the ledger, the
// process, and the event loop. `run` sets it up once a service runs. Nothing here is counted twice: it is read when somebody looks.
// Source of the names: the page of a Collector 0.155, and OpenTelemetry's semantic conventions for Node.js and V8.

import { type EventLoopUtilization, monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import type { Signal } from '../batch.ts'
import type { Clock } from '../clock.ts'
import type { MetricAttributes } from '../component.ts'
import type { DestinationAccount, Ledger } from '../ledger.ts'
import type { Flow } from '../pipeline/edge.ts'
import type { MemoryMeter } from './meter.ts'

type Points = Iterable<readonly [value: number, attributes: MetricAttributes]>

/** How a signal's items are called in the Collector's names, and its unit for them. */
const ITEMS: Readonly<Record<Signal, string>> = { traces: 'spans', metrics: 'metric_points', logs: 'log_records' }
const UNIT: Readonly<Record<Signal, string>> = { traces: '{span}', metrics: '{datapoint}', logs: '{record}' }
const SIGNALS: readonly Signal[] = ['traces', 'metrics', 'logs']

export interface Measured {
  readonly ledger: Ledger
  readonly flow: Flow
  /** Ids that are exporters: what the ledger calls a destination may be a connector. */
  readonly exporters: ReadonlySet<string>
}

export function measureService(meter: MemoryMeter, service: Measured): void {
  for (const signal of SIGNALS) measureSignal(meter, service, signal)
  measureProcessors(meter, service.flow)
  measureQueues(meter, service.flow)
  measureLedger(meter, service.ledger)
}

function measureSignal(meter: MemoryMeter, { ledger, flow, exporters }: Measured, signal: Signal): void {
  const [items, unit] = [ITEMS[signal], UNIT[signal]]
  const edges = flow.receivers.filter((edge) => edge.signal === signal)
  const received = (which: 'accepted' | 'refused') => (): Points => edges.map((edge) => [edge[which], { receiver: edge.receiver }])
  meter.observedCounter(
    `otelcol_receiver_accepted_${items}`,
    unit,
    'Number of items for which the pipelines took responsibility.',
    received('accepted'),
  )
  meter.observedCounter(`otelcol_receiver_refused_${items}`, unit, 'Number of items that went back to their senders.', received('refused'))

  const sent = (read: (account: DestinationAccount) => number) => (): Points => {
    const sums = new Map<string, number>()
    for (const pipeline of ledger.pipelines()) {
      if (pipeline.id.split('/', 1)[0] !== signal) continue
      for (const [id, account] of pipeline.destinations()) if (exporters.has(id)) sums.set(id, (sums.get(id) ?? 0) + read(account))
    }
    return [...sums].map(([exporter, sum]) => [sum, { exporter }])
  }
  meter.observedCounter(
    `otelcol_exporter_sent_${items}`,
    unit,
    'Number of items that the destination took.',
    sent(({ delivered }) => delivered),
  )
  meter.observedCounter(
    `otelcol_exporter_send_failed_${items}`,
    unit,
    'Number of items that the destination did not take, in the end.',
    sent(({ refused, overflowed, deadLettered }) => refused - overflowed + deadLettered),
  )
  meter.observedCounter(
    `otelcol_exporter_enqueue_failed_${items}`,
    unit,
    'Number of items for which the sending queue had no room.',
    sent(({ overflowed }) => overflowed),
  )
}

function measureProcessors(meter: MemoryMeter, { processors }: Flow): void {
  const passed = (which: 'incoming' | 'outgoing') => (): Points => {
    const sums = new Map<string, { value: number; readonly attributes: MetricAttributes }>()
    for (const edges of processors) {
      const attributes = { processor: edges.processor, otel_signal: edges.signal }
      const key = `${edges.signal} ${edges.processor}`
      const sum = sums.get(key) ?? { value: 0, attributes }
      sum.value += edges[which].items
      sums.set(key, sum)
    }
    return [...sums.values()].map(({ value, attributes }) => [value, attributes])
  }
  meter.observedCounter(
    'otelcol_processor_incoming_items',
    '{item}',
    'Number of items that were handed to the processor.',
    passed('incoming'),
  )
  meter.observedCounter('otelcol_processor_outgoing_items', '{item}', 'Number of items that it handed on.', passed('outgoing'))
}

function measureQueues(meter: MemoryMeter, { queues }: Flow): void {
  const levels = (which: 'size' | 'capacity') => (): Points => [...queues].map(([exporter, queue]) => [queue[which], { exporter }])
  meter.gauge('otelcol_exporter_queue_size', '{unit}', "What is in the sending queue, in its sizer's unit.", levels('size'))
  meter.gauge('otelcol_exporter_queue_capacity', '{unit}', "The most that it holds, in its sizer's unit.", levels('capacity'))
}

/** The ledger, which adds up: received + restored + created = delivered + dropped + refused + dead-lettered + waiting. */
function measureLedger(meter: MemoryMeter, ledger: Ledger): void {
  meter.observedCounter('millrace_ledger_items', '{item}', 'What became of every item, for each pipeline and destination.', function* () {
    for (const { pipeline, destination, received, restored, created, delivered, dropped, refused, deadLettered } of ledger.rows()) {
      yield [received, { pipeline, destination, fate: 'received' }]
      if (restored > 0) yield [restored, { pipeline, destination, fate: 'restored' }]
      for (const [reason, count] of Object.entries(created)) yield [count, { pipeline, destination, fate: 'created', reason }]
      if (deadLettered > 0) yield [deadLettered, { pipeline, destination, fate: 'dead_lettered' }]
      yield [delivered, { pipeline, destination, fate: 'delivered' }]
      yield [refused, { pipeline, destination, fate: 'refused' }]
      for (const [reason, count] of Object.entries(dropped)) yield [count, { pipeline, destination, fate: 'dropped', reason }]
    }
  })
  meter.gauge('millrace_ledger_waiting_items', '{item}', 'Items without a fate yet, for each pipeline and destination.', function* () {
    for (const { pipeline, destination, queued, inFlight } of ledger.rows()) {
      yield [queued, { pipeline, destination, where: 'queue' }]
      yield [inFlight, { pipeline, destination, where: 'in_flight' }]
    }
  })
  meter.observedCounter(
    'millrace_refused_at_door_items',
    '{item}',
    'Items that no pipeline ever saw, by component and reason.',
    function* () {
      for (const [component, reasons] of Object.entries(ledger.atDoor()))
        for (const [reason, count] of Object.entries(reasons)) yield [count, { component, reason }]
    },
  )
}

/** How long one look at the event loop takes, in milliseconds: what is shown is the last whole window. */
const WINDOW_MS = 10_000
/** How often the event loop is asked for its delay, in milliseconds. */
const RESOLUTION_MS = 20
const SECONDS = 1e-9

/** Starts to watch the process. What it returns ends that. */
export function measureProcess(meter: MemoryMeter, clock: Clock): { stop(): void } {
  meter.observedCounter('otelcol_process_uptime', 's', 'Uptime of the process.', () => process.uptime())
  meter.observedCounter('otelcol_process_cpu_seconds', 's', 'CPU time of the process, user and system.', () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  })
  meter.gauge('otelcol_process_memory_rss', 'By', 'Resident memory of the process.', () => process.memoryUsage.rss())
  meter.gauge('otelcol_process_runtime_heap_alloc_bytes', 'By', "Bytes in use on V8's heap.", () => process.memoryUsage().heapUsed)
  meter.gauge('otelcol_process_runtime_total_sys_memory_bytes', 'By', "V8's heap and what it holds outside of it: request bodies.", () => {
    const { heapTotal, external } = process.memoryUsage()
    return heapTotal + external
  })
  meter.gauge('v8js_memory_heap_limit', 'By', "The most that V8's heap may take.", () => getHeapStatistics().heap_size_limit)
  return watchEventLoop(meter, clock)
}

function watchEventLoop(meter: MemoryMeter, clock: Clock): { stop(): void } {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delays.enable()
  let since: EventLoopUtilization = performance.eventLoopUtilization()
  let shown = { p50: 0, p99: 0, max: 0, utilization: 0 }
  const look = (): void => {
    const now = performance.eventLoopUtilization()
    const late = (ns: number): number => Math.max(0, ns * SECONDS - RESOLUTION_MS / 1000)
    shown = {
      p50: late(delays.percentile(50)),
      p99: late(delays.percentile(99)),
      max: late(delays.max),
      utilization: performance.eventLoopUtilization(now, since).utilization,
    }
    since = now
    delays.reset()
    timer = clock.after(WINDOW_MS, look)
  }
  let timer = clock.after(WINDOW_MS, look)
  const help = 'By how much the event loop was late, in the last ten seconds.'
  for (const which of ['p50', 'p99', 'max'] as const) meter.gauge(`nodejs_eventloop_delay_${which}`, 's', help, () => shown[which])
  meter.gauge(
    'nodejs_eventloop_utilization',
    '1',
    'The part of the last ten seconds in which the event loop was busy.',
    () => shown.utilization,
  )
  return {
    stop() {
      timer.cancel()
      delays.disable()
    },
  }
}
