// What a client of an open connection hears of executions, when it reads and when it does not.

import t from 'tap'
import { ANONYMOUS } from '../batch.ts'
import type { OpenExecution } from './execution.ts'
import type { Executions } from './executions.ts'
import { Subscriptions } from './subscriptions.ts'
import type { ExecutionEvent, Happening } from './watchers.ts'

interface Watched {
  readonly subscriptions: Subscriptions
  readonly sent: any[]
  readonly line: { waitingBytes: number; send(text: string): void }
  /** Something happens to an execution of this service. */
  readonly happens: (event: Happening, service: string) => void
  readonly watchers: () => number
}

function watched(): Watched {
  const watching = new Set<{ readonly sees: (execution: OpenExecution) => boolean; readonly tell: (event: ExecutionEvent) => void }>()
  const watch: Executions['watch'] = (sees, tell) => {
    const one = { sees, tell }
    watching.add(one)
    return () => watching.delete(one)
  }
  const sent: any[] = []
  const line = { waitingBytes: 0, send: (text: string): void => void sent.push(JSON.parse(text)) }
  const executions = { watch } as unknown as Executions
  const subscriptions = new Subscriptions({ executions, origin: ANONYMOUS, line, roles: undefined, audit: undefined })
  const happens = (event: Happening, service: string): void => {
    const execution = { service, operation: 'plan', status: '', origin: ANONYMOUS } as OpenExecution
    for (const { sees, tell } of watching)
      if (sees(execution)) tell({ event, execution: { service_name: service } as ExecutionEvent['execution'] })
  }
  return { subscriptions, sent, line, happens, watchers: () => watching.size }
}

const subscribe = (id: string, filter?: object): Record<string, unknown> => ({ message_type: 'subscribe', id, ...(filter && { filter }) })

t.test('a reader that does not keep up is told how many it has missed, before it hears the next', async (t) => {
  const { subscriptions, sent, line, happens } = watched()
  subscriptions.answer(subscribe('a', { service: 'planner' }))
  happens('started', 'planner')
  line.waitingBytes = 1_000_000
  for (let i = 0; i < 12; i++) happens('updated', 'planner')
  happens('updated', 'another')
  t.equal(sent.length, 1, 'nothing more is written to it')
  line.waitingBytes = 0
  happens('finished', 'planner')
  t.match(sent.slice(1), [
    { message_type: 'missed', id: 'a', count: 12 },
    { message_type: 'execution_event', id: 'a', event: 'finished' },
  ])
  happens('started', 'planner')
  t.equal(sent.length, 4, 'and told once')
})

t.test('subscriptions of one connection are bounded, and end with it', async (t) => {
  const { subscriptions, sent, happens, watchers } = watched()
  for (let i = 0; i < 16; i++) t.match(subscriptions.answer(subscribe(`s${i}`)), { status: 'accepted' })
  t.match(subscriptions.answer(subscribe('more')), { status: 'rejected', id: 'more', errors: [{ message: /too many/ }] })
  t.equal(subscriptions.count, 16)
  subscriptions.answer({ message_type: 'unsubscribe', id: 's15' })
  t.match(subscriptions.answer(subscribe('long', { service: 'x'.repeat(1025) })), {
    errors: [{ path: '/filter/service', message: /1024/ }],
  })
  t.match(subscriptions.answer(subscribe('s15', { service: 'x'.repeat(1024) })), { status: 'accepted' })
  subscriptions.close()
  t.same([subscriptions.count, watchers()], [0, 0])
  happens('started', 'planner')
  t.equal(sent.length, 0)
})
