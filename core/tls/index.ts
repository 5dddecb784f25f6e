// TLS as servers and clients share it: files to contexts, read again when they change. Doors and exporters import it; schemas alone come
// from schema.ts.

export { type Authorities, TlsFiles } from './tls-files.ts'
export { type ServerTlsConfig, type TlsConfig } from './schema.ts'
