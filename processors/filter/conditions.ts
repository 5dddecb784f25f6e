// What the factory needs of conditions to check them: behind a door of its own, for it loads the language.

export { conditionFault } from '../../core/condition/index.ts'
