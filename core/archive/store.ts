// Where an archive lies, as its writer and its reader see it: a bucket, or a folder.

/** What is said of an object beside its bytes, where the store has a place for it. */
export interface About {
  readonly tags?: Readonly<Record<string, string>>
  /** Of its bytes, in hex. */
  readonly sha256?: string
}

export interface Store {
  /** For messages, and for where an object is: `s3://bucket`, `file:///folder`. */
  readonly name: string
  /** @throws Error in words where it cannot be used as it is configured; says nothing of one that is only away. */
  check(): Promise<void>
  /**
   * Settles once the object is there as a whole and survives a crash; before, nobody sees anything of it. One of that name is replaced.
   * Rejects with RetryableError where it may succeed later, else with PermanentError.
   */
  put(object: string, parts: readonly Uint8Array[], about?: About): Promise<void>
  /** The same, but nothing is replaced: false where one of that name is there, whoever else puts one at the same time. */
  putNew(object: string, parts: readonly Uint8Array[], about?: About): Promise<boolean>
  /** Whether a put that rejected with this did not happen, and will not: a question without an answer may be done all the same. */
  didNothing(error: unknown): boolean
  /** Its bytes in `[start, end)`, fewer where it is shorter, or all; undefined where there is none of that name. */
  get(object: string, range?: Range): Promise<Buffer | undefined>
  /** Names that begin so, in their order. */
  list(prefix: string): AsyncIterable<string>
  /** Whether or not it is there. */
  remove(object: string): Promise<void>
  close(): void
}

export interface Range {
  readonly start: number
  readonly end: number
}
