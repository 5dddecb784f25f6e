// What `millrace archive` does: archive.ts calls one of these.

import {
  ArchiveError,
  eachObject,
  erase,
  hasTrace,
  isErased,
  manifestNames,
  manifestOf,
  type MasterKey,
  ObjectReader,
  type Scope,
  stillLoose,
  type Store,
  wasErasedAt,
} from '../archive/index.ts'
import { toJson } from '../otlp/index.ts'
import { printable } from '../printable.ts'
import type { CommandAudit } from './archive-audit.ts'
import type { ArchiveAsked } from './arguments.ts'
import { CommandError } from './queue-folders.ts'
import { FAILED, OK, type Terminal } from './terminal.ts'

const NO_MANIFEST =
  'has no manifest: it is being written, or was left half-written, or its manifest was removed; when it is a day old, it may be removed'

export interface ArchiveAct {
  /** Of the component whose archive it is. */
  readonly id: string
  readonly store: Store
  readonly prefix: string
  readonly layout: 'hour' | 'trace'
  readonly keys: readonly MasterKey[]
  readonly asked: ArchiveAsked
  readonly audit: CommandAudit
  readonly terminal: Terminal
}

export function scopeOf({ prefix, asked: { tenant, day } }: ArchiveAct): Scope {
  return { prefix, ...(tenant === undefined ? {} : { tenant }), ...(day === undefined ? {} : { day }) }
}

/** Which objects are meant, in words. */
export function inWords({ asked: { tenant, day } }: ArchiveAct): string {
  return [
    tenant === undefined ? 'all tenants' : `tenant ${tenant === '' ? 'without a name' : tenant}`,
    ...(day === undefined ? [] : [day]),
  ].join(', ')
}

export async function listObjects(act: ArchiveAct): Promise<number> {
  const { store, asked, terminal } = act
  let [objects, spans, bytes, code] = [0, 0, 0, OK as number]
  const read = async (name: string): Promise<Awaited<ReturnType<typeof manifestOf>> | ArchiveError> =>
    manifestOf(store, name).catch((error: unknown) => {
      if (error instanceof ArchiveError) return error
      throw error
    })
  for await (const manifest of eachObject(manifestNames(store, scopeOf(act)), read)) {
    if (manifest instanceof ArchiveError) {
      code = FAILED
      terminal.err(`${told(manifest)}\n`)
      continue
    }
    objects++
    spans += manifest.spans
    bytes += manifest.bytes
    const state = manifest.encryption === undefined ? 'readable' : isErased(manifest) ? 'erased' : 'encrypted'
    const shown = `${manifest.first_time} ${manifest.last_time} ${manifest.spans} spans ${manifest.traces} traces ${manifest.bytes} bytes ${state} ${manifest.object}`
    terminal.out(`${asked.json ? JSON.stringify(manifest) : printable(shown, 2000)}\n`)
  }
  if (!asked.json) terminal.out(`${objects} objects with ${spans} spans, ${bytes} bytes\n`)
  return code
}

/** As lines of OTLP/JSON. What cannot be read is told, and what can be is shown. */
export async function getTrace(act: ArchiveAct): Promise<number> {
  const { id, store, asked, audit, terminal, layout, keys } = act
  const traceId = Buffer.from(asked.traceIds[0]!, 'hex')
  await audit.record({
    kind: 'read',
    act: 'archive:read',
    component: id,
    object: asked.traceIds[0]!,
    ...(asked.tenant === undefined ? {} : { tenant: asked.tenant }),
  })
  let [found, code] = [0, OK as number]
  const look = async (name: string): Promise<readonly Buffer[] | ArchiveError> => {
    try {
      return (await hasTrace(store, name, traceId)) ? await (await ObjectReader.open(store, name, keys)).trace(traceId) : []
    } catch (error) {
      if (error instanceof ArchiveError) return error
      throw error
    }
  }
  for await (const requests of eachObject(named(manifestNames(store, scopeOf(act)), layout === 'trace' ? asked.traceIds[0]! : ''), look)) {
    if (requests instanceof ArchiveError) {
      code = FAILED
      terminal.err(`${told(requests)}\n`)
    } else
      for (const request of requests) {
        found++
        terminal.out(`${toJson('traces', request)}\n`)
      }
  }
  if (found > 0 || code !== OK) return code
  terminal.err(`millrace: trace ${asked.traceIds[0]} is not in the archive (${inWords(act)})\n`)
  return FAILED
}

/** Objects of one trace are called by it. */
async function* named(names: AsyncIterable<string>, part: string): AsyncGenerator<string, void, undefined> {
  for await (const name of names) if (part === '' || (name.split('/').at(-1) ?? '').startsWith(part)) yield name
}

async function isErasedAt(store: Store, name: string): Promise<boolean> {
  try {
    return wasErasedAt(name, await manifestOf(store, name))
  } catch (error) {
    if (error instanceof ArchiveError) return false
    throw error
  }
}

export async function verifyObjects(act: ArchiveAct): Promise<number> {
  const { id, store, keys, asked, audit, terminal } = act
  await audit.record({ kind: 'read', act: 'archive:verify', component: id, object: inWords(act) })
  let [good, erased, bad] = [0, 0, 0]
  const look = async (name: string): Promise<'good' | 'erased' | ArchiveError> => {
    try {
      await (await ObjectReader.open(store, name, keys)).verify()
      return 'good'
    } catch (error) {
      if (!(error instanceof ArchiveError)) throw error
      // Looked at again, so that what is good is read once.
      return (await isErasedAt(store, name)) ? 'erased' : error
    }
  }
  const tell = (fault: ArchiveError): void =>
    terminal.out(asked.json ? `${JSON.stringify({ object: fault.object, fault: fault.message })}\n` : `${told(fault)}\n`)
  const loose = new Set<string>()
  for await (const found of eachObject(manifestNames(store, scopeOf(act), loose), look)) {
    if (found === 'good') good++
    else if (found === 'erased') erased++
    else {
      bad++
      tell(found)
    }
  }
  const without = await stillLoose(store, loose)
  for (const name of without) tell(new ArchiveError(name, NO_MANIFEST))
  const more = [
    ...(erased === 0 ? [] : [`, ${erased} erased`]),
    ...(bad === 0 ? [] : [`, ${bad} are not`]),
    ...(without.length === 0 ? [] : [`; ${without.length} files have no manifest`]),
  ]
  const counts = { good, erased, bad, without_manifest: without.length }
  terminal.out(asked.json ? `${JSON.stringify(counts)}\n` : `${good} objects are as they were written${more.join('')}\n`)
  return bad + without.length === 0 ? OK : FAILED
}

/** Written down before it is done, so that nothing is erased that nobody was told of. */
export async function eraseObjects(act: ArchiveAct): Promise<number> {
  const { id, store, keys, asked, audit, terminal } = act
  const { tenant } = asked
  if (tenant === undefined) throw new CommandError('archive erase needs --tenant')
  await audit.record({ kind: 'administration', act: 'archive:erase', component: id, tenant, object: inWords(act), reason: 'begun' })
  const counts = { 'key destroyed': 0, removed: 0, 'was erased before': 0 }
  const faults: ArchiveError[] = []
  const one = async (name: string): Promise<void> => {
    try {
      counts[await erase(store, name, keys)]++
    } catch (error) {
      faults.push(error instanceof ArchiveError ? error : new ArchiveError(name, (error as Error).message))
    }
  }
  const loose = new Set<string>()
  try {
    for await (const _ of eachObject(manifestNames(store, scopeOf(act), loose), one));
    for (const name of await stillLoose(store, loose)) faults.push(new ArchiveError(name, `${NO_MANIFEST}; it was not erased`))
  } catch (error) {
    faults.push(new ArchiveError(store.name, `there may be more: ${(error as Error).message}`))
  }
  for (const fault of faults) terminal.err(`${told(fault)}\n`)
  const said = `${counts['key destroyed']} keys destroyed, ${counts.removed} readable objects removed, ${counts['was erased before']} erased before, ${faults.length} failed`
  terminal.out(`${inWords(act)}: ${said}; each that did not fail was looked at, and cannot be read any more\n`)
  await audit
    .record({ kind: 'administration', act: 'archive:erase', component: id, tenant, object: inWords(act), reason: said })
    .catch((cause: unknown) => {
      throw new CommandError('this was done; the audit log says that it was begun, and could not take what became of it', { cause })
    })
  return faults.length === 0 ? OK : FAILED
}

export function told({ object, message }: ArchiveError): string {
  return printable(`${object}: ${message}`, 2000)
}
