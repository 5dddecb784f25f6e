// Where a client sends: every client gives the same items to a backend directly, and to another one through Millrace, to be compared.

export interface Target {
  readonly protocol: 'grpc' | 'http/protobuf' | 'http/json'
  /** `http://…` or `https://…`, without a path. */
  readonly endpoint: string
  readonly compression: 'none' | 'gzip'
}
