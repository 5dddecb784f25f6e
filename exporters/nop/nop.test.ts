import t from 'tap'
import { exporterSuite } from '../../core/testing/index.ts'
import { factory } from './factory.ts'

exporterSuite((name, run) => void t.test(name, run), { create: (settings) => factory.create({}, settings) })
