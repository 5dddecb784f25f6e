import t from 'tap'
import { ANONYMOUS } from '../../core/index.ts'
import { type Edge, emptyEdge, resetEdge } from './edge.ts'

t.test('an edge that is used again says nothing of the request before', async (t) => {
  const used: Edge = {
    origin: { tenant: 'a', headers: new Map() },
    originKey: 'a',
    connectionType: 'database',
    client: 'shop',
    server: 'orders',
    clientSeconds: 1,
    serverSeconds: 2,
    failed: true,
    clientDimensions: ['x'],
    serverDimensions: ['y'],
    peer: 'z',
    virtualNode: 'server',
    weight: 3,
    clientEnd: 4,
    serverStart: 5,
    sinceMs: 6,
  }
  t.strictSame(resetEdge(used, ANONYMOUS, '', 7), emptyEdge(ANONYMOUS, '', 7))
})
