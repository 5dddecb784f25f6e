// `millrace run`: loads, starts, says when it is ready, and stops with everything handed on. It lives as long as the process.

import { systemClock } from '../clock.ts'
import type { Factories, Logger } from '../component.ts'
import { ownVersion } from '../config/own-package.ts'
import { redactor } from '../config/secrets.ts'
import type { ServiceConfig } from '../config/service.ts'
import type { TelemetryConfig } from '../config/telemetry-schema.ts'
import type { Ledger } from '../ledger.ts'
import type { RunningService } from '../pipeline/service.ts'
import { printable } from '../printable.ts'
import { createLog, type Log } from '../telemetry/log.ts'
import { MemoryMeter } from '../telemetry/meter.ts'
import { openTraces, type RunningTelemetry, type RunningTraces, startTelemetry } from '../telemetry/telemetry.ts'
import { drawPipelines } from './draw.ts'
import { explainFailure } from './failure.ts'
import { loadPrinting } from './loading.ts'
import { listenForSignals } from './signals.ts'
import { refusedAtDoor, reportTraffic } from './traffic.ts'
import { FAILED, INVALID_CONFIGURATION, OK, type Terminal } from './terminal.ts'

const OWN_ID = 'service'

/** `ready` is called once everything listens. */
export async function run(
  files: readonly string[],
  builtIn: () => Promise<Factories>,
  terminal: Terminal,
  ready: (service: RunningService) => void = () => {},
): Promise<number> {
  const stopping = listenForSignals((signal) => terminal.err(`second ${signal}: ended at once, what was still on its way may be lost\n`))
  // The pipelines' code loads while the file is checked.
  const [loaded, { startService }] = await Promise.all([loadPrinting(files, builtIn, terminal), import('../pipeline/service.ts')])
  if (loaded === undefined) return INVALID_CONFIGURATION
  const { config } = loaded
  const components = [...config.receivers.values(), ...config.exporters.values()]
  if (components.some(({ factory }) => factory.makesObjects)) terminal.growYoungGeneration?.()
  const redact = redactor(loaded.secrets)
  const err = (text: string): void => terminal.err(redact(text))
  endOnStrayErrors(err)
  const log = await openLog(config.telemetry, err)
  const meter = new MemoryMeter()
  let service: RunningService
  let telemetry: RunningTelemetry
  let traces: RunningTraces | undefined
  try {
    traces = await openTraces(config.telemetry, { clock: systemClock, log: log('telemetry'), version: ownVersion() }, redact)
    const tracer = traces === undefined ? {} : { tracer: traces.tracer }
    const starting = new AbortController()
    void stopping.asked.then((signal) => starting.abort(new Error(`${signal} came before it had started`)))
    service = await startService(config, { log, meter: (own) => meter.scoped(own), clock: systemClock, ...tracer }, starting.signal)
    telemetry = await openTelemetry(config, service, meter, log('telemetry'))
  } catch (error) {
    if (stopping.isAsked()) {
      err(`stopped before it was ready: ${explainFailure(error)}\n`)
      return OK
    }
    err(`cannot start: ${explainFailure(error)}\n`)
    return FAILED
  }
  err(readyLine(config, service))
  ready(service)
  const traffic = reportTraffic(service.ledger, log('traffic'), systemClock)
  const signal = await stopping.asked
  traffic.stop()
  const told = { stop: async (): Promise<void> => void (await Promise.all([telemetry.stop(), traces?.stop()])) }
  return stop({ service, telemetry: told, log }, signal, config, err)
}

async function openLog({ logLevel: level, logEncoding }: TelemetryConfig, write: (line: string) => void): Promise<Log> {
  const format = logEncoding === 'json' ? (await import('../telemetry/json-log.ts')).jsonFormat() : undefined
  return createLog({ level, clock: systemClock, write, ...(format === undefined ? {} : { format }) })
}

/** Stops the service again where the telemetry that was asked for cannot be had. */
async function openTelemetry(config: ServiceConfig, service: RunningService, meter: MemoryMeter, log: Logger): Promise<RunningTelemetry> {
  const measured = { ledger: service.ledger, flow: service.flow, exporters: new Set(config.exporters.keys()) }
  try {
    return await startTelemetry(config.telemetry, measured, { meter, clock: systemClock, log, version: ownVersion() })
  } catch (error) {
    await service.stop()
    throw error
  }
}

/** Of the whole process, in milliseconds: what somebody who starts it waits for. */
function readyLine(config: ServiceConfig, service: RunningService): string {
  const listening = [...service.addresses()].flatMap(([name, addresses]) =>
    Object.entries(addresses).map(([protocol, address]) => `${name} (${protocol}) on ${address}`),
  )
  const where = listening.length === 0 ? 'nothing listens' : `listening: ${listening.join(', ')}`
  return `${drawPipelines(config)}ready in ${Math.round(performance.now())} ms; ${where}\n`
}

interface Running {
  readonly service: RunningService
  readonly telemetry: RunningTelemetry
  readonly log: Log
}

async function stop(
  { service, telemetry, log }: Running,
  signal: string,
  config: ServiceConfig,
  err: (text: string) => void,
): Promise<number> {
  log(OWN_ID).info({ signal, drain_timeout_ms: config.drainTimeoutMs }, 'stopping: handing on what was accepted')
  const failures = await service.stop()
  await telemetry.stop() // what it tells last is how it ended
  log.flush()
  for (const failure of failures) err(`while stopping: ${explainFailure(failure)}\n`)
  err(accounts(service.ledger))
  return failures.length === 0 ? OK : FAILED
}

/** What became of everything, a line for each destination that saw something. */
function accounts(ledger: Ledger): string {
  const lines = ledger.rows().map((row) => {
    const { pipeline, destination, received, restored, created, delivered, dropped } = row
    if (received === 0 && restored === 0) return ''
    const reasons = Object.entries(dropped).map(([reason, count]) => `, ${count} dropped (${printable(reason, 200)})`)
    const rest = [
      [row.refused, 'refused'],
      [row.deadLettered, 'in the dead letters'],
      [row.queued, row.durable ? 'kept in the queue' : 'lost in the queue'],
      [row.inFlight, 'not answered'],
    ] as const
    const told = rest.map(([count, what]) => (count > 0 ? `, ${count} ${what}` : ''))
    const from = restored > 0 ? `, ${restored} from an earlier run` : ''
    const began = Object.entries(created).map(([reason, count]) => `, and ${count} (${printable(reason, 200)})`)
    return `${pipeline} → ${destination}: ${received} received${from}${began.join('')}, ${delivered} delivered${[...reasons, ...told].join('')}\n`
  })
  const atDoor = [...refusedAtDoor(ledger)].map(([why, count]) => `${why}: ${count} refused before any pipeline\n`)
  return `stopped\n${lines.join('')}${atDoor.join('')}`
}

/** A bug, ours or a plugin's: the state of the process is unknown, and unanswered data is still its sender's. */
function endOnStrayErrors(err: (text: string) => void): void {
  const end =
    (what: string) =>
    (error: unknown): never => {
      const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
      const lines = stack.split('\n').map((line) => `  ${printable(line, 500)}\n`)
      err(`${what}; ending the process. This is a bug in Millrace or in a plugin:\n${lines.join('')}`)
      process.exit(FAILED)
    }
  process.on('uncaughtException', end('an error that nobody caught'))
  process.on('unhandledRejection', end('a rejection that nobody handled'))
}
