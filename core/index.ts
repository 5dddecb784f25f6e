// The contract: everything a component imports, built in or published on npm.

export * from './batch.ts'
export * from './clock.ts'
export * from './component.ts'
export { parseBytes } from './config/bytes.ts'
export { parseDuration } from './config/duration.ts'
export * from './config/schema.ts'
export * from './define.ts'
export * from './errors.ts'
export { printable, quoted } from './printable.ts'
