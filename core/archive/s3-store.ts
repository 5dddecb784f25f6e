// An archive in a bucket of S3, or of anything that speaks it. An object is there when its upload is complete, and not before: S3 sees to that.

import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { RetryableError } from '../errors.ts'
import type { About, Range, Store } from './store.ts'

export interface S3Options {
  readonly bucket: string
  readonly region: string
  /** Without it, AWS itself. */
  readonly endpoint?: string
  /** `https://host/bucket/…` instead of `https://bucket.host/…`. */
  readonly pathStyle: boolean
  /** Without it, they come from where AWS's tools find them: the environment, ~/.aws, the instance. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string }
  readonly timeoutMs: number
  readonly storageClass?: string
}

/** What is larger goes up in parts of this size; S3 takes none below 5 MiB. */
const PART_BYTES = 16 * 1024 * 1024
/** With the first one, for what passes in a moment; whoever puts an object tries again after that. */
const ATTEMPTS = 3
/** What no waiting mends, and only whoever configures it. */
const WRONG: Readonly<Record<string, string>> = {
  NoSuchBucket: 'there is no such bucket',
  AccessDenied: 'these credentials may not do that',
  InvalidAccessKeyId: 'the access key is not known there',
  SignatureDoesNotMatch: 'the secret key does not fit the access key',
  CredentialsProviderError: 'there are no credentials: set them here, in the environment (AWS_ACCESS_KEY_ID, …) or in ~/.aws',
  PermanentRedirect: 'the bucket is in another region',
}

const UNSEEN = 'there is no such bucket, or these credentials may not see it'
const REFUSED: ReadonlyMap<number, string> = new Map([
  [400, UNSEEN],
  [403, UNSEEN],
  [404, UNSEEN],
])

/** Nothing of that name may be there. */
type Condition = { readonly IfNoneMatch?: '*' }

export class S3Store implements Store {
  readonly name: string
  readonly #client: S3Client
  readonly #bucket: string
  readonly #storageClass: string | undefined

  constructor({ bucket, region, endpoint, pathStyle, credentials, timeoutMs, storageClass }: S3Options) {
    this.name = `s3://${bucket}`
    this.#bucket = bucket
    this.#storageClass = storageClass
    const config: S3ClientConfig = {
      region,
      forcePathStyle: pathStyle,
      maxAttempts: ATTEMPTS,
      // We have a SHA-256 of our own, and not everything that speaks S3 knows the newer checksums.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      // Without the third, what takes longer is a warning; the last is for an answer that stops in its middle.
      requestHandler: { connectionTimeout: timeoutMs, requestTimeout: timeoutMs, throwOnRequestTimeout: true, socketTimeout: timeoutMs },
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(credentials === undefined ? {} : { credentials }),
    }
    this.#client = new S3Client(config)
  }

  async check(): Promise<void> {
    try {
      await this.#client.send(new HeadBucketCommand({ Bucket: this.#bucket }))
    } catch (cause) {
      // The answer to this question has no body, and so no name of what is wrong.
      const { name } = cause as Error
      const why = Object.hasOwn(WRONG, name) ? WRONG[name] : REFUSED.get(statusOf(cause) ?? 0)
      if (why !== undefined) throw new Error(`cannot use ${this.name}: ${why}`, { cause })
    }
  }

  async put(object: string, parts: readonly Uint8Array[], about: About = {}): Promise<void> {
    await this.#asked(`write ${this.name}/${object}`, () => this.#put(object, parts, about, {}))
  }

  async putNew(object: string, parts: readonly Uint8Array[], about: About = {}): Promise<boolean> {
    return this.#asked(`write ${this.name}/${object}`, async () => {
      try {
        await this.#put(object, parts, about, { IfNoneMatch: '*' })
        return true
      } catch (error) {
        if (statusOf(error) !== 412) throw error
        // It may be ours: the answer to an earlier attempt may have been lost.
        return about.sha256 !== undefined && about.sha256 === (await this.#sha256Of(object))
      }
    })
  }

  /** The server has said no: whatever it says of itself, or nothing, may come behind something that it has done. */
  didNothing(error: unknown): boolean {
    const { httpStatusCode: status = 0, attempts = 1 } = answerIn((error as Error).cause)
    return attempts === 1 && status >= 400 && status < 500
  }

  async get(object: string, range?: Range): Promise<Buffer | undefined> {
    return this.#asked(`read ${this.name}/${object}`, async () => {
      try {
        const asked = range === undefined ? {} : { Range: `bytes=${range.start}-${range.end - 1}` }
        const { Body } = await this.#client.send(new GetObjectCommand({ Bucket: this.#bucket, Key: object, ...asked }))
        return Buffer.from(await Body!.transformToByteArray())
      } catch (error) {
        const { name } = error as Error
        if (name === 'NoSuchKey') return undefined
        if (name === 'InvalidRange') return Buffer.alloc(0)
        throw error
      }
    })
  }

  async *list(prefix: string): AsyncGenerator<string, void, undefined> {
    let token: string | undefined
    do {
      const asked = { Bucket: this.#bucket, Prefix: prefix, ...(token === undefined ? {} : { ContinuationToken: token }) }
      const page = await this.#asked(`list ${this.name}/${prefix}`, () => this.#client.send(new ListObjectsV2Command(asked)))
      for (const { Key } of page.Contents ?? []) if (Key !== undefined) yield Key
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined
    } while (token !== undefined)
  }

  async remove(object: string): Promise<void> {
    await this.#asked(`remove ${this.name}/${object}`, () =>
      this.#client.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: object })),
    )
  }

  close(): void {
    this.#client.destroy()
  }

  async #put(object: string, parts: readonly Uint8Array[], about: About, condition: Condition): Promise<void> {
    const bytes = parts.reduce((sum, part) => sum + part.length, 0)
    const target = {
      Bucket: this.#bucket,
      Key: object,
      ...(about.tags === undefined ? {} : { Tagging: new URLSearchParams(about.tags).toString() }),
      ...(about.sha256 === undefined ? {} : { Metadata: { sha256: about.sha256 } }),
      ...(this.#storageClass === undefined ? {} : { StorageClass: this.#storageClass as 'STANDARD' }),
    }
    if (bytes <= PART_BYTES) {
      const Body = Buffer.concat(parts)
      await this.#client.send(new PutObjectCommand({ ...target, ...condition, Body, ContentLength: bytes }))
    } else {
      await this.#putInParts(target, parts, condition)
      // A name that must be new may be another's, who is just uploading it.
      if (condition.IfNoneMatch === undefined) await this.#abortOthers(object).catch(() => {})
    }
  }

  /** Uploads of that name which a process began that was then killed: their parts are paid for, and nobody sees them. */
  async #abortOthers(object: string): Promise<void> {
    const { Uploads = [] } = await this.#client.send(new ListMultipartUploadsCommand({ Bucket: this.#bucket, Prefix: object }))
    for (const { Key, UploadId } of Uploads) {
      if (Key === object) await this.#client.send(new AbortMultipartUploadCommand({ Bucket: this.#bucket, Key, UploadId: UploadId! }))
    }
  }

  async #sha256Of(object: string): Promise<string | undefined> {
    const { Metadata } = await this.#client.send(new HeadObjectCommand({ Bucket: this.#bucket, Key: object }))
    return Metadata?.['sha256']
  }

  async #putInParts(
    target: { readonly Bucket: string; readonly Key: string },
    parts: readonly Uint8Array[],
    condition: Condition,
  ): Promise<void> {
    const place = { Bucket: target.Bucket, Key: target.Key }
    const { UploadId } = await this.#client.send(new CreateMultipartUploadCommand(target))
    const upload = { ...place, UploadId: UploadId! }
    try {
      const Parts: { ETag: string; PartNumber: number }[] = []
      for (const Body of inPieces(parts, PART_BYTES)) {
        const PartNumber = Parts.length + 1
        const { ETag } = await this.#client.send(new UploadPartCommand({ ...upload, PartNumber, Body, ContentLength: Body.length }))
        Parts.push({ ETag: ETag!, PartNumber })
      }
      await this.#client.send(new CompleteMultipartUploadCommand({ ...upload, ...condition, MultipartUpload: { Parts } }))
    } catch (error) {
      // Parts of an upload that nobody completes are paid for, and nobody sees them.
      await this.#client.send(new AbortMultipartUploadCommand(upload)).catch(() => {})
      throw error
    }
  }

  /**
   * Everything may succeed later, a wrong bucket too, when it is made: what was accepted waits for whoever mends the configuration.
   */
  async #asked<T>(what: string, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask()
    } catch (cause) {
      const { name, message } = cause as Error
      throw new RetryableError(`cannot ${what}: ${Object.hasOwn(WRONG, name) ? WRONG[name] : `${name}: ${message}`}`, { cause })
    }
  }
}

interface Answer {
  readonly httpStatusCode?: number
  /** How often the SDK asked. */
  readonly attempts?: number
}

function answerIn(error: unknown): Answer {
  return (error as { readonly $metadata?: Answer } | undefined)?.$metadata ?? {}
}

function statusOf(error: unknown): number | undefined {
  return answerIn(error).httpStatusCode
}

/** What lies end to end, in pieces of that size and a last one: each is copied when its turn comes, for all at once would take as much memory as the object. */
function* inPieces(parts: readonly Uint8Array[], pieceBytes: number): Generator<Buffer, void, undefined> {
  let [held, bytes]: [Uint8Array[], number] = [[], 0]
  for (let part of parts) {
    while (bytes + part.length >= pieceBytes) {
      const cut = pieceBytes - bytes
      yield Buffer.concat([...held, part.subarray(0, cut)])
      part = part.subarray(cut)
      ;[held, bytes] = [[], 0]
    }
    held.push(part)
    bytes += part.length
  }
  if (bytes > 0) yield Buffer.concat(held)
}
