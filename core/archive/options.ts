// The configuration of an archive, which the exporter and the connector `s3_archive` have alike.
/* oxlint-disable typescript/no-unnecessary-type-assertion -- they let declarations be made from this file alone */

import type { ConfigFault } from '../component.ts'
import { parseDuration } from '../config/duration.ts'
import type { ConfigOf } from '../config/schema.ts'
import { encryptionKeyOf } from '../durable/key.ts'
import { quoted } from '../printable.ts'

const properties = {
  target: { enum: ['s3', 'file'], default: 's3', description: 'A bucket, or a folder in which the same lies in the same way.' },
  directory: {
    type: 'string',
    format: 'path',
    minLength: 1,
    description: 'Of `target: file`: the folder. It is made where it is not there.',
  },
  s3: {
    type: 'object',
    description: 'Of `target: s3`.',
    required: ['bucket'],
    properties: {
      bucket: { type: 'string', minLength: 1, description: 'The bucket, which must be there.' },
      region: { type: 'string', default: 'us-east-1', description: 'Its region.' },
      endpoint: { type: 'string', description: 'Of a server that is not AWS, as http://host:port or https://host.' },
      force_path_style: {
        type: 'boolean',
        default: false,
        description: 'The bucket in the path instead of the host: most servers that are not AWS want that.',
      },
      access_key_id: {
        type: 'string',
        description: 'Without it, credentials come from where AWS’s own tools find them: the environment, ~/.aws, the instance.',
      },
      secret_access_key: { type: 'string', secret: true, description: 'Belongs to `access_key_id`.' },
      session_token: { type: 'string', secret: true, description: 'Of temporary credentials.' },
      storage_class: { type: 'string', description: 'Such as `STANDARD_IA`; the bucket’s own where there is none.' },
    },
  },
  prefix: { type: 'string', default: 'traces', description: 'Under which everything lies, such as `traces/prod`.' },
  layout: {
    enum: ['hour', 'trace'],
    default: 'hour',
    description: '`hour`: objects of many traces under prefix/YYYY/MM/DD/HH/. `trace`: one object a trace, prefix/YYYY/MM/DD/<trace_id>.',
  },
  encoding: { enum: ['otlp_proto', 'otlp_json'], default: 'otlp_proto', description: 'OTLP in protobuf, or in JSON, a request a line.' },
  compression: { enum: ['zstd', 'gzip', 'none'], default: 'zstd', description: 'Of each frame of about 128 KiB.' },
  max_object_size: {
    type: 'integer',
    format: 'bytes',
    minimum: 1,
    default: 67_108_864,
    description: 'An object that is so large leaves, in bytes as it lies there.',
  },
  max_object_age: {
    type: 'string',
    format: 'duration',
    default: '5m',
    description: 'An object leaves when its first span has waited so long.',
  },
  max_open_objects: {
    type: 'integer',
    minimum: 1,
    default: 100,
    description: 'Objects that are filled at once, one for each tenant and hour. Past it, the oldest leaves before its time.',
  },
  max_waiting_bytes: {
    type: 'integer',
    format: 'bytes',
    minimum: 1,
    default: 268_435_456,
    description:
      'What waiting may take in memory: compressed, 20 to 30 bytes for every trace, and 8 KiB for each object. Past three quarters the largest leaves; past it, senders are told to try again.',
  },
  storage: {
    type: 'string',
    extension: 'storage',
    description: 'The extension in which spans wait until their object is there: they are answered when they are on disk.',
  },
  in_memory: {
    type: 'boolean',
    default: false,
    description:
      'Spans wait in memory alone, and are answered at once: a crash loses up to `max_object_age` of them. One of the two must be chosen.',
  },
  encryption: {
    type: 'object',
    description:
      'AES-256-GCM, with a key of its own for each object, which is wrapped by a master key. Without it, everything can be read.',
    properties: {
      key_id: {
        type: 'string',
        minLength: 1,
        default: 'default',
        description: 'What manifests call the master key: another for another key.',
      },
      key: { type: 'string', secret: true, description: 'The master key: 32 bytes in base64 or as 64 hexadecimal digits.' },
      key_file: { type: 'string', format: 'path', description: 'The same in a file.' },
      command: {
        type: 'array',
        items: { type: 'string' },
        description:
          'A program and its words, for a KMS: it is run with `wrap` or `unwrap` behind them, a key in base64 on its input, and prints the other.',
      },
      command_timeout: { type: 'string', format: 'duration', default: '10s', description: 'How long `command` may take.' },
    },
  },
  retention: {
    type: 'string',
    description: 'For how long it is to be kept, such as `90_days`: a tag of every object, for the bucket’s lifecycle rules.',
  },
  compliance_tags: {
    type: 'array',
    items: { type: 'string' },
    default: [],
    description: 'Such as `sox_audit_trail`: tags of every object.',
  },
  timeout: { type: 'string', format: 'duration', default: '30s', description: 'How long one request to S3 may take.' },
} as const

/** An interface would not do as a schema: it might be added to. */
export type ArchiveSchema = { readonly type: 'object'; readonly properties: typeof properties }
export const archiveSchema: ArchiveSchema = { type: 'object', properties }
export type ArchiveConfig = ConfigOf<ArchiveSchema>

/** What S3 takes as a tag: letters, digits, blanks and + - = . _ : / @ */
const TAG = /^[\p{L}\p{N} +\-=._:/@]{1,128}$/u
const PREFIX = /^[\w!.*'()=-]+(?:\/[\w!.*'()=-]+)*$/

export function archiveFaults(config: ArchiveConfig): readonly ConfigFault[] {
  return [...placeFaults(config), ...waitFaults(config), ...keyFaults(config), ...tagFaults(config)]
}

function placeFaults({ target, directory, s3, prefix }: ArchiveConfig): readonly ConfigFault[] {
  const faults: ConfigFault[] = []
  if (target === 'file' && directory === undefined) faults.push({ path: ['directory'], message: 'is missing: `target: file` needs it' })
  if (target === 's3' && s3 === undefined)
    faults.push({ path: ['s3'], message: 'is missing: `target: s3` needs a bucket; for a folder write `target: file`' })
  if (s3?.endpoint !== undefined && !/^https?:\/\/[^/]+\/?$/.test(s3.endpoint))
    faults.push({
      path: ['s3', 'endpoint'],
      message: `found ${quoted(s3.endpoint)}; accepted: such as http://127.0.0.1:9000 or https://s3.example.org`,
    })
  if ((s3?.access_key_id === undefined) !== (s3?.secret_access_key === undefined))
    faults.push({ path: ['s3', 'access_key_id'], message: 'access_key_id and secret_access_key belong together: set both or neither' })
  const steps = prefix.split('/')
  if (prefix !== '' && (!PREFIX.test(prefix) || steps.includes('..') || steps.includes('.')))
    faults.push({ path: ['prefix'], message: `found ${quoted(prefix)}; accepted: names with slashes between them, such as traces/prod` })
  return faults
}

function waitFaults({ layout, storage, in_memory: inMemory, max_object_age: age }: ArchiveConfig): readonly ConfigFault[] {
  if (parseDuration(age) === 0) return [{ path: ['max_object_age'], message: `found ${quoted(age)}; accepted: more than 0, such as 5m` }]
  if (layout === 'trace') {
    if (storage === undefined && !inMemory) return []
    return [
      {
        path: [storage === undefined ? 'in_memory' : 'storage'],
        message: 'with `layout: trace` nothing waits: a trace is there when it is answered',
      },
    ]
  }
  if ((storage === undefined) === inMemory) return []
  const message = inMemory
    ? 'is set beside `in_memory`; accepted: one of them'
    : 'is missing: name a storage in which spans wait until their object is full, or write `in_memory: true` if a crash may lose them'
  return [{ path: ['storage'], message }]
}

function keyFaults({ encryption }: ArchiveConfig): readonly ConfigFault[] {
  if (encryption === undefined) return []
  const { key, key_file: file, command } = encryption
  const given = [key, file, command].filter((one) => one !== undefined)
  if (given.length !== 1) return [{ path: ['encryption'], message: `has ${given.length} of key, key_file and command; accepted: one` }]
  if (key !== undefined && encryptionKeyOf(key) === undefined)
    return [{ path: ['encryption', 'key'], message: 'is no key; accepted: 32 bytes in base64 or as 64 hexadecimal digits' }]
  return command !== undefined && (command[0] ?? '') === ''
    ? [{ path: ['encryption', 'command'], message: 'names no program; accepted: a program and its words' }]
    : []
}

function tagFaults({ retention, compliance_tags: tags }: ArchiveConfig): readonly ConfigFault[] {
  const faults: ConfigFault[] = []
  const accepted = 'accepted: letters, digits, blanks and + - = . _ : / @, at most 128'
  if (retention !== undefined && !TAG.test(retention))
    faults.push({ path: ['retention'], message: `found ${quoted(retention)}; ${accepted}` })
  for (const [i, tag] of tags.entries()) {
    if (!TAG.test(tag) || tag === 'retention')
      faults.push({ path: ['compliance_tags', i], message: `found ${quoted(tag)}; ${accepted}, and not \`retention\`` })
  }
  if (tags.length > 9)
    faults.push({ path: ['compliance_tags'], message: `has ${tags.length}; accepted: 9, for S3 takes ten tags an object` })
  return faults
}
