// How long a program takes until it accepts connections, and to check a configuration: medians of many process starts. `run.ts` calls it.

import { spawn } from 'node:child_process'

import { pickPorts, startUnderTest } from './measure.ts'
import { fileFor, type Command, type Contestant, type Scenario } from './scenarios.ts'

export interface StartUp {
  readonly program: string
  readonly version: string
  readonly starts: number
  /** Milliseconds from spawn to the first accepted connection; one of each start. */
  readonly readyMs: readonly number[]
  /** Milliseconds from spawn to exit of the `validate` command; empty where there is none. */
  readonly validateMs: readonly number[]
}

export async function measureStartUp(scenario: Scenario, program: Contestant, starts: number): Promise<StartUp> {
  const readyMs: number[] = []
  const validateMs: number[] = []
  for (let start = 0; start < starts; start++) {
    readyMs.push(await timeToReady(scenario, program))
    const validated = await timeToValidate(scenario, program)
    if (validated !== undefined) validateMs.push(validated)
  }
  return { program: program.name, version: program.version, starts, readyMs, validateMs }
}

async function timeToReady(scenario: Scenario, program: Contestant): Promise<number> {
  const variables = await pickPorts()
  const began = performance.now()
  const started = await startUnderTest(scenario, program, variables)
  const took = performance.now() - began
  await started.stop()
  return took
}

async function timeToValidate(scenario: Scenario, program: Contestant): Promise<number | undefined> {
  const file = fileFor(scenario, program)
  if (file === undefined || !program.validate) return undefined
  const command = program.validate(file)
  const variables = await pickPorts()
  const began = performance.now()
  const code = await exitCode(command, variables)
  if (code !== 0) throw new Error(`${program.name}: "${command.args.join(' ')}" ended with ${code}; accepted is 0`)
  return performance.now() - began
}

function exitCode({ command, args, env }: Command, variables: Readonly<Record<string, string>>): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args], { stdio: 'ignore', env: { ...process.env, ...variables, ...env } })
    child.once('error', reject)
    child.once('exit', resolve)
  })
}
