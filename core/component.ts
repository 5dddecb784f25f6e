// The contract between core and components: what a receiver, a processor, an exporter, a connector and an extension are.

import type { X509Certificate } from 'node:crypto'
import type { AnomalyModel } from './anomaly/anomaly-model.ts'
import type { Batch, Origin, Signal } from './batch.ts'
import type { Clock } from './clock.ts'
import type { ConfigOf, ConfigSchema } from './config/schema.ts'
import type { DurableLog, Storage } from './storage.ts'

export interface Consumer {
  /**
   * Settles once downstream has taken responsibility for the batch: awaiting it is both back-pressure and acknowledgement.
   * Rejects with PermanentError (these bytes can never succeed), RetryableError, or PartialError (the rest was taken): a new one for each
   * batch. Whoever makes another of an error from downstream gives that as its `cause`, or the ledger counts its items twice.
   * `deadlineMs` is on the monotonic clock: nobody waits for the answer after it, so retrying ends there. Infinity where a queue
   * owns the batch: then an exporter tries once, for the queue offers again. A caller that goes away cancels nothing: its bytes may travel with others'.
   */
  consume(batch: Batch, deadlineMs: number): Promise<void>
}

/** Lives once. Exporters start first and receivers last; stopping goes the other way. */
export interface Lifecycle {
  /** `abort` bounds starting, not the run. */
  start(abort: AbortSignal): Promise<void>
  /** Hands on what was accepted. Safe without start, and safe twice; `abort` ends the grace period. */
  stop(abort: AbortSignal): Promise<void>
  /**
   * Where it listens, once started: with port 0 nobody else can tell. By what is spoken there, e.g. `{ http: '127.0.0.1:4318' }`, in the
   * order in which they are shown.
   */
  readonly addresses?: Readonly<Record<string, string>>
}
export interface Receiver extends Lifecycle {}
export interface Processor extends Consumer, Partial<Lifecycle> {}
export interface Exporter extends Consumer, Partial<Lifecycle> {
  /**
   * What has to be done to a batch once, however often it is then offered: called before a queue takes it, and before `consume` where there is
   * none. Synchronous, and safe for what it has made itself, which an earlier run's queue may hold.
   */
  prepare?(batch: Batch): Prepared
}
/** A batch without `refused` of its items, which can never be delivered, for `reason`. */
export interface Prepared {
  readonly batch: Batch
  readonly refused: number
  readonly reason: string
}
/** An exporter at the end of one pipeline that is a receiver at the start of others. */
export interface Connector extends Consumer, Partial<Lifecycle> {}
/** Something beside the pipelines: a health page, or what other components lean on, such as an authenticator. */
export interface Extension extends Lifecycle {}

/** What an extension can do for other components, by the name under which they ask for it. A plugin adds its own by declaration merging. */
export interface Capabilities {
  anomaly_model: AnomalyModel
  audit: Auditor
  client_auth: ClientAuthenticator
  server_auth: ServerAuthenticator
  storage: StorageProvider
}
export type Capability = keyof Capabilities

/** Says who we are, to a destination. */
export interface ClientAuthenticator extends Extension {
  /** Asked before every attempt. Rejects with RetryableError where no credentials can be had now. */
  headers(): Promise<Readonly<Record<string, string>>>
  /** The destination said 401 or UNAUTHENTICATED: whatever was remembered is worth nothing. */
  refused?(): void
}
/** Says who a sender is. */
export interface ServerAuthenticator extends Extension {
  /**
   * `headers` has names in lower case, and only those that came once. Rejects with UnauthenticatedError; with anything else the sender
   * is told to try again. One object for each principal: batches of one origin are merged.
   */
  authenticate(headers: ReadonlyMap<string, string>, peer?: Peer): Promise<Origin>
}
/** The other end of a connection, as far as the connection itself tells. */
export interface Peer {
  /** The client's, which an authority that the listener trusts has signed for clients, and which was valid when the connection began. */
  readonly certificate?: X509Certificate
}

/** Keeps a record of what must not be done unseen. */
export interface Auditor extends Extension {
  /**
   * Settles with true once the record survives a crash, with false where it could not be written, which the log says. Never rejects. Refusals
   * are counted together where many come: then it settles at once.
   */
  record(entry: AuditEntry): Promise<boolean>
}
export interface AuditEntry {
  /** `refusal`: somebody was not let in, or a message not believed. `administration`: something was changed. `read`: somebody looked. */
  readonly kind: 'refusal' | 'administration' | 'read'
  /** What was done or tried: `authenticate`, `message`, `executions:read`. */
  readonly act: string
  /** The id of the component that says so. */
  readonly component: string
  readonly tenant?: string
  readonly subject?: string
  /** Why it was refused, or the words of whoever did it; never what was presented. */
  readonly reason?: string
  /** What it was done to: an id, a path, a filter. */
  readonly object?: string
}

/** Keeps what must outlive the process, for whoever names it as `storage`. */
export interface StorageProvider extends Extension {
  /**
   * The log of this name, which nobody else may open meanwhile: rejects, naming the other, where somebody has. After `start`; the provider
   * closes in `stop` what is still open. `maxBytes` where the provider's own limit is not meant.
   */
  open(name: string, options?: { readonly maxBytes?: number }): Promise<DurableLog>
}

/** What an extension may know of the service it lives in. */
export interface Service {
  /** `ready` from the moment every receiver listens until stopping begins. */
  status(): 'starting' | 'ready' | 'stopping'
}

/** What core gives every component. */
export interface Settings {
  /** `type` or `type/name`, as in the YAML. */
  readonly id: string
  /** What a processor's pipeline carries: each pipeline has a processor of its own. Undefined for components of another kind. */
  readonly signal?: Signal
  readonly log: Logger
  readonly meter: Meter
  /** Monotonic milliseconds, wall time and timers: tests pass a clock that they move themselves. */
  readonly clock: Clock
  /** Set where the component's configuration has `storage`, and its schema says `extension: 'storage'` there. */
  readonly storage?: Storage
  /** The ledger: whoever does not hand an item on says why. */
  drop(count: number, reason: string): void
  /**
   * The ledger: items that enter a pipeline here, and whose sender is this component; processors have it. Whoever answers its senders early
   * says so of what it offers again after a refusal, which is in the ledger already.
   */
  create?(count: number, reason: string): void
  /**
   * The extension that the configuration names, in a place whose schema says `extension: '<capability>'`: the loader has checked that it
   * runs and can do this. Extensions start before everyone else and stop after.
   */
  extension<C extends Capability>(capability: C, id: string): Capabilities[C]
}

export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export type MetricAttributes = Readonly<Record<string, string>>

/**
 * Whoever asks for a name again gets the same metric. To what a component measures core adds which one it is: `exporter="otlp_http/b"`.
 * Names and units follow OpenTelemetry: `otelcol_` names where the Collector has the metric, UCUM units such as `By`, `s`, `{span}`.
 */
export interface Meter {
  counter(name: string, unit: string, help: string): (n: number, attributes?: MetricAttributes) => void
  /** Read whenever somebody looks: a number, or several with their attributes. */
  gauge(
    name: string,
    unit: string,
    help: string,
    read: () => number | Iterable<readonly [value: number, attributes: MetricAttributes]>,
  ): void
  /** `bounds` are the upper ends of the buckets, ascending; one more is without end. */
  histogram(name: string, unit: string, help: string, bounds: readonly number[]): (value: number, attributes?: MetricAttributes) => void
}

/** What every factory says of itself. Its module holds the schema alone and imports the work inside `create`, so that `validate` and start-up load only what is used. */
export interface Factory<S extends ConfigSchema = ConfigSchema> {
  /** Needed in plugins, where nothing else tells a processor from an exporter; `defineProcessor` and its like fill it in. */
  readonly kind?: 'receiver' | 'processor' | 'exporter' | 'connector' | 'extension'
  /** As users write it in YAML: lower_snake_case. Two factories of one type and kind are an error at load. */
  readonly type: string
  /** Other spellings that users of the Collector know, e.g. `otlphttp`. */
  readonly aliases?: readonly string[]
  readonly signals: readonly Signal[]
  readonly stability: 'development' | 'alpha' | 'beta' | 'stable'
  /** The one source of types, defaults, checks, docs and completion. */
  readonly schema: S
  /** Rules that a schema cannot say: one message each, with the path. */
  check?(config: ConfigOf<S>): readonly ConfigFault[]
  /** The same for rules that need work to be imported first: called only where the schema and `check` found nothing. */
  checkDeeply?(config: ConfigOf<S>): Promise<readonly ConfigFault[]>
}
/** `path` is where in the component's own configuration, e.g. `['protocols', 'http', 'endpoint']`. */
export interface ConfigFault {
  readonly path: readonly (string | number)[]
  readonly message: string
}
/** Written as a method, so that a factory of any schema is a factory. */
type ByConfig<S extends ConfigSchema> = { of(config: ConfigOf<S>): boolean }['of']

export interface ReceiverFactory<S extends ConfigSchema = ConfigSchema> extends Factory<S> {
  readonly kind?: 'receiver'
  /** What it receives becomes many objects, as parsed JSON does: the program then lets V8's young generation grow, which it otherwise keeps small. */
  readonly makesObjects?: boolean
  /** One receiver serves all its pipelines; `next` has an entry for every signal that some pipeline takes from it. */
  create(config: ConfigOf<S>, next: Readonly<Partial<Record<Signal, Consumer>>>, settings: Settings): Promise<Receiver>
}
export interface ProcessorFactory<S extends ConfigSchema = ConfigSchema> extends Factory<S> {
  readonly kind?: 'processor'
  /** It takes out what must not be written down: what stands before it in a pipeline may only use a storage that encrypts. */
  readonly masks?: boolean
  create(config: ConfigOf<S>, next: Consumer, settings: Settings): Promise<Processor>
}
export interface ExporterFactory<S extends ConfigSchema = ConfigSchema> extends Factory<S> {
  readonly kind?: 'exporter'
  /** Its queue offers batches in the order in which they came, and what waits on disk before what has just come. */
  readonly keepsOrder?: boolean
  /** It takes everything at once, and cannot be slow or down: nobody need warn of senders that wait for it. A function where its configuration decides. */
  readonly answersEarly?: boolean | ByConfig<S>
  /** It makes many objects of what it takes: see ReceiverFactory. */
  readonly makesObjects?: boolean
  create(config: ConfigOf<S>, settings: Settings): Promise<Exporter>
}
export interface ConnectorFactory<S extends ConfigSchema = ConfigSchema> extends Factory<S> {
  readonly kind?: 'connector'
  /** For a signal that comes in, the signals that go out. `signals` are its keys. */
  readonly routes: Readonly<Partial<Record<Signal, readonly Signal[]>>>
  /** Its senders have their answer once it has taken in what came, whatever becomes of what it makes of that: it holds up nobody. A function where its configuration decides. */
  readonly answersEarly?: boolean | ByConfig<S>
  create(config: ConfigOf<S>, next: Readonly<Partial<Record<Signal, Consumer>>>, settings: Settings): Promise<Connector>
}
export interface ExtensionFactory<S extends ConfigSchema = ConfigSchema> extends Factory<S> {
  readonly kind?: 'extension'
  /** What other components may use an extension of this configuration for. Its `create` returns something that implements all of them. */
  provides?(config: ConfigOf<S>): readonly Capability[]
  /** Whether a storage of this configuration encrypts what it writes. */
  encrypts?(config: ConfigOf<S>): boolean
  create(config: ConfigOf<S>, service: Service, settings: Settings): Promise<Extension>
}

/** Every factory that a program knows, by kind. `main.ts` hands over the built-in ones; `plugins:` adds to them. */
export interface Factories {
  readonly receivers: readonly ReceiverFactory[]
  readonly processors: readonly ProcessorFactory[]
  readonly exporters: readonly ExporterFactory[]
  readonly connectors: readonly ConnectorFactory[]
  readonly extensions: readonly ExtensionFactory[]
}
