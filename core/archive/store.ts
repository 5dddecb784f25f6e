// Where an archive lies, as its writer and its reader see it: a bucket, or a folder.

export interface Store {
  /** For messages: `s3://bucket` or a folder. */
  readonly name: string
  /**
   * Settles once the object is there as a whole and survives a crash; before, nobody sees anything of it. One of that name is replaced. Rejects with RetryableError
   * where it may succeed later, else with PermanentError.
   */
  put(object: string, parts: readonly Uint8Array[], tags?: Readonly<Record<string, string>>): Promise<void>
  /** Its bytes in `[start, end)`, or all; undefined where there is none of that name. */
  get(object: string, range?: { readonly start: number; readonly end: number }): Promise<Buffer | undefined>
  /** Names that begin so, in their order. */
  list(prefix: string): AsyncIterable<string>
  /** Whether or not it is there. */
  remove(object: string): Promise<void>
}
