// A plan whose tasks wait for one another: the plan is one execution, each task a child of it.

import { type Client, createClient } from 'millrace/client'

export interface Task {
  readonly name: string
  readonly after?: readonly string[]
  readonly work: () => Promise<unknown>
}

/** Tasks run as soon as those that they wait for are done. Rejects with the first failure, once all that began have ended. */
export async function runPlan(client: Client, name: string, tasks: readonly Task[]): Promise<void> {
  const plan = client.start(name, { attributes: { 'plan.tasks': tasks.length } })
  const running = new Map<string, Promise<void>>()
  // Each is in the map before any of them goes on.
  const beginning = Promise.resolve()
  let done = 0
  const run = async ({ name, after = [], work }: Task): Promise<void> => {
    await beginning
    await Promise.all(after.map((other) => running.get(other) ?? Promise.reject(new Error(`${name} waits for ${other}, which is no task`))))
    const task = plan.child(name, { attributes: { 'task.after': after } })
    try {
      task.complete({ result: await work() })
    } catch (error) {
      task.fail(error)
      throw error
    }
    plan.update({ status: 'running', progress: (100 * ++done) / tasks.length, operation: name })
  }
  for (const task of tasks) running.set(task.name, run(task))
  const ended = await Promise.allSettled(running.values())
  const failure = ended.find((one) => one.status === 'rejected')
  if (failure === undefined) return plan.complete({ result: { done } })
  plan.fail(failure.reason, { result: { done } })
  throw failure.reason
}

if (import.meta.main) {
  const client = createClient({ url: process.env['MILLRACE_URL'] ?? 'http://127.0.0.1:4320', service: 'planner' })
  const price = async (): Promise<object> => ({ euros: 120 + Math.round(Math.random() * 40) })
  await runPlan(client, 'plan_voyage', [
    { name: 'find_legs', work: async () => ({ legs: ['Porto', 'Lisbon'] }) },
    { name: 'price_porto', after: ['find_legs'], work: price },
    { name: 'price_lisbon', after: ['find_legs'], work: price },
    { name: 'book', after: ['price_porto', 'price_lisbon'], work: async () => 'booked' },
  ])
  await client.close()
  console.log(client.counts)
}
