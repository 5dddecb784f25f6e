// The contract: everything a component imports, built in or published on npm.

export * from './batch.ts'
export * from './clock.ts'
export * from './component.ts'
export * from './config/schema.ts'
export * from './errors.ts'
