// The ends of a program and of a page, at which what waits is sent. Each client registers once.

interface Page {
  addEventListener?: (type: string, listener: () => void) => void
  removeEventListener?: (type: string, listener: () => void) => void
}

export interface Farewell {
  /** The program has nothing else to do. It goes on as long as this does. */
  readonly flush: () => void
  /** The page goes away, or comes back. */
  readonly leaving: (isLeaving: boolean) => void
}

/** Returns what takes it back. */
export function atTheEnd({ flush, leaving }: Farewell): () => void {
  const { process } = globalThis as { process?: NodeJS.EventEmitter }
  if (typeof process?.on === 'function') {
    process.on('beforeExit', flush)
    return () => process.off('beforeExit', flush)
  }
  const page = globalThis as Page
  const [hide, show] = [() => leaving(true), () => leaving(false)]
  page.addEventListener?.('pagehide', hide)
  page.addEventListener?.('pageshow', show)
  return () => {
    page.removeEventListener?.('pagehide', hide)
    page.removeEventListener?.('pageshow', show)
  }
}
