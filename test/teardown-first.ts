// Loaded before each test file: what a test started ends before the test's folder is removed. tap keeps the order in which `t.teardown` and
// `t.testdir` were first called, so that a program that still ran could write into a folder that was just being removed.

import { isMainThread } from 'node:worker_threads'

if (isMainThread) {
  const { default: t } = await import('tap')
  t.beforeEach((test) => test.teardown(() => {}))
}
