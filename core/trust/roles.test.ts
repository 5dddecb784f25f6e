import t from 'tap'
import type { Origin } from '../batch.ts'
import { ANONYMOUS } from '../batch.ts'
import { type Deed, permits } from './roles.ts'
import { type RolesConfig, rolesFaults } from './roles-schema.ts'

const EMPTY = { messages: [], signals: [], acts: [], services: ['*'], tenants: [] } as const
const ROLES: RolesConfig = {
  writer: { ...EMPTY, messages: ['*'], signals: ['traces'], services: ['plan_*', 'exec'] },
  metrics: { ...EMPTY, messages: ['metrics'], signals: ['metrics'] },
  reader: { ...EMPTY, acts: ['executions:*'] },
  operator: { ...EMPTY, acts: ['executions:read', 'dead_letters:drop'], tenants: ['*'] },
  auditor: { ...EMPTY, acts: ['executions:read'], tenants: ['other', 'lab*'] },
  nothing: EMPTY,
}
const from = (...roles: readonly string[]): Origin => ({ tenant: 'acme', subject: 'a', roles, headers: new Map() })

t.test('without roles everybody may do everything', (t) => {
  t.ok(permits(undefined, ANONYMOUS, { message: 'start', tenant: 'other' }))
  t.end()
})

t.test('with roles, what no role of the sender names is denied', (t) => {
  const yes: readonly (readonly [Origin, Deed])[] = [
    [from('writer'), { message: 'start', service: 'plan_module' }],
    [from('writer'), { message: 'start', service: 'exec', tenant: 'acme' }],
    [from('writer'), { signal: 'traces' }],
    [from('metrics'), { message: 'metrics', service: 'any' }],
    [from('nothing', 'metrics'), { signal: 'metrics' }],
    [from('reader'), { act: 'executions:read' }],
    [from('operator'), { act: 'dead_letters:drop', tenant: 'other' }],
    [from('auditor'), { act: 'executions:read', tenant: 'lab2' }],
  ]
  for (const [origin, deed] of yes) t.ok(permits(ROLES, origin, deed), JSON.stringify([origin.roles, deed]))
  const no: readonly (readonly [Origin, Deed])[] = [
    [ANONYMOUS, { message: 'start' }],
    [from(), { signal: 'traces' }],
    [from('nothing'), { signal: 'traces' }],
    [from('unknown'), { signal: 'traces' }],
    [from('constructor', '__proto__', 'toString'), { signal: 'traces' }],
    [from('writer'), { message: 'start', service: 'other' }],
    [from('writer'), { message: 'start', service: 'executor' }],
    [from('writer'), { signal: 'metrics' }],
    [from('writer'), { act: 'executions:read' }],
    [from('writer'), { message: 'start', service: 'exec', tenant: 'other' }],
    [from('metrics'), { message: 'start' }],
    [from('reader'), { act: 'executions' }],
    [from('reader'), { act: 'executions:read', tenant: 'other' }],
    [from('operator'), { act: 'executions:delete' }],
    [from('auditor'), { act: 'executions:read', tenant: 'third' }],
    // One role for the service and another for the message are not one role for both.
    [from('writer', 'metrics'), { signal: 'metrics', message: 'start' }],
    [from('operator'), {}],
  ]
  for (const [origin, deed] of no) t.notOk(permits(ROLES, origin, deed), JSON.stringify([origin.roles, deed]))
  t.end()
})

t.test('words that a receiver never asks for are told at load', (t) => {
  const known = { messages: new Set(['start', 'update']), acts: new Set(['executions:read']) }
  t.same(rolesFaults({ a: { ...EMPTY, messages: ['start', '*'], acts: ['executions:*'] } }, known), [])
  t.match(rolesFaults({ a: { ...EMPTY, messages: ['begin'], acts: ['executions'] } }, known), [
    { path: ['a', 'messages', 0], message: /found "begin"; accepted: start, update, or \*/ },
    { path: ['a', 'acts', 0] },
  ])
  t.match(rolesFaults({ a: { ...EMPTY, messages: ['*'] } }, {}), [{ path: ['a', 'messages', 0], message: /no messages here/ }])
  t.end()
})
