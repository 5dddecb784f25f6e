// An agent's loop: it thinks, uses a tool, looks at what came of it, and thinks again until it is done. Each thought and each tool is a child of the agent.

import { type Client, createClient } from 'millrace/client'

/** What a model answers: a tool to use, or the end. */
export interface Thought {
  readonly tokens: number
  readonly tool?: string
  readonly input?: unknown
  readonly answer?: string
}
export type Model = (history: readonly unknown[]) => Promise<Thought>
export type Tools = Readonly<Record<string, (input: unknown, headers: Record<string, string>) => Promise<unknown>>>

const MAX_STEPS = 10

export async function runAgent(client: Client, goal: string, model: Model, tools: Tools): Promise<string> {
  const agent = client.start('agent', { attributes: { 'agent.goal': goal } })
  const history: unknown[] = [goal]
  try {
    for (let step = 1; step <= MAX_STEPS; step++) {
      const thinking = agent.child('think', { kind: 'client', attributes: { 'agent.step': step } })
      const thought = await model(history)
      thinking.complete({ metrics: { tokens: thought.tokens } })
      agent.recordMetric('tokens', thought.tokens)
      if (thought.answer !== undefined) {
        agent.complete({ result: { answer: thought.answer, steps: step } })
        return thought.answer
      }
      history.push(await useTool(thought))
    }
    throw new Error(`not done after ${MAX_STEPS} steps`)
  } catch (error) {
    agent.fail(error)
    throw error
  }

  /** A tool that fails is something to think about, not the end of the agent. */
  async function useTool({ tool = '', input }: Thought): Promise<unknown> {
    const using = agent.child(`tool ${tool}`, { attributes: { 'tool.name': tool, 'tool.input': input } })
    try {
      if (!Object.hasOwn(tools, tool)) throw new Error(`there is no tool ${tool}`)
      // A tool in another process goes on in the same trace with these headers.
      const found = await tools[tool]!(input, using.inject({}))
      using.complete({ result: found })
      return found
    } catch (error) {
      using.fail(error)
      agent.event('tool_failed', { 'tool.name': tool })
      return String(error)
    }
  }
}

if (import.meta.main) {
  const client = createClient({ url: process.env['MILLRACE_URL'] ?? 'http://127.0.0.1:4320', service: 'navigator' })
  // It stands for a model: it asks for the tide, and answers with it.
  const model: Model = async (history) => {
    if (history.length === 3) return { tokens: 20, answer: `sail at ${String(history[2])}` }
    return { tokens: 60 * history.length, tool: history.length === 1 ? 'chart' : 'tide', input: 'Lisbon' }
  }
  console.log(await runAgent(client, 'when to sail to Lisbon', model, { tide: async () => '06:12' }))
  await client.close()
  console.log(client.counts)
}
