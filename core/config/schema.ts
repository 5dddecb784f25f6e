// A configuration's type, inferred from its JSON Schema: one `as const` object is types, defaults, checks and documentation.

export interface ConfigSchema {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean'
  readonly description?: string
  /**
   * Of a text: `duration`, such as `1m30s`, for `parseDuration`; `path`, which arrives absolute where it began with `./`. Of an integer:
   * `bytes`, which may be written `64MiB` and arrives as a number.
   */
  readonly format?: 'duration' | 'path' | 'bytes'
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly properties?: { readonly [key: string]: ConfigSchema }
  readonly required?: readonly string[]
  readonly items?: ConfigSchema
  readonly additionalProperties?: boolean | ConfigSchema
  /** Never shown: not in errors, not in logs. */
  readonly secret?: boolean
  /** The value is the id of an extension with this capability, such as `client_auth`; `settings.extension` hands it over. */
  readonly extension?: string
  /** On pages this option has no rows for what is in it: that is described elsewhere on the page. */
  readonly folded?: boolean
  readonly [keyword: string]: unknown
}

/** The value that passes schema `S`, with defaults filled in. `format: 'duration'` strings arrive as they were written. */
export type ConfigOf<S> = S extends { readonly enum: readonly (infer E)[] }
  ? E
  : S extends { readonly type: 'string' }
    ? string
    : S extends { readonly type: 'integer' | 'number' }
      ? number
      : S extends { readonly type: 'boolean' }
        ? boolean
        : S extends { readonly items: infer I }
          ? readonly ConfigOf<I>[]
          : S extends { readonly properties: infer P }
            ? Fields<P, S extends { readonly required: readonly (infer R)[] } ? R : never>
            : S extends { readonly additionalProperties: infer V }
              ? { readonly [key: string]: ConfigOf<V> }
              : unknown

type Given<P, R> = { [K in keyof P]: K extends R ? K : P[K] extends { readonly default: unknown } ? K : never }[keyof P]
type Fields<P, R> = { readonly [K in Given<P, R>]: ConfigOf<P[K]> } & { readonly [K in Exclude<keyof P, Given<P, R>>]?: ConfigOf<P[K]> }
