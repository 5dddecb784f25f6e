// The type of undici's pool where http-sender.ts imports it: the package declares types for its front door alone.

declare module 'undici/lib/dispatcher/pool.js' {
  import { Pool } from 'undici'
  export default Pool
}
