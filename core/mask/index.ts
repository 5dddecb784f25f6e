// The door for processors that mask: the walk, what it asks of their rules, and the search for users' patterns.

export { Search } from '../patterns/search.ts'
export { Masker } from './masker.ts'
export { type Place, PLACES } from './places.ts'
export {
  DELETE,
  type Finding,
  type Instead,
  NO_PASS,
  type Note,
  type Owner,
  type Pass,
  type Rules,
  type Said,
  type Verdict,
} from './rules.ts'
export { Tally } from './tally.ts'
