// `host:port` as users write where to listen; receivers check it before anything starts, and doors listen there.

export interface Endpoint {
  readonly host: string
  /** 0 lets the system choose. */
  readonly port: number
}

const ENDPOINT = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/

/** What an error says would have been accepted. */
export const ENDPOINT_ACCEPTED = 'host:port such as 127.0.0.1:4318, [::1]:4318 or 0.0.0.0:4318'

/** Undefined for anything else. Without a host (`:4318`) it is every interface, as in the Collector. */
export function endpointOf(text: string): Endpoint | undefined {
  const match = ENDPOINT.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) return undefined
  return { host: match[1] ?? (match[2] === '' ? '::' : match[2]!), port }
}

export function formatEndpoint({ host, port }: Endpoint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
