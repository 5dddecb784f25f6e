// What the durable log uses of a file system, and the real one: `SegmentLog` calls it, the tests hand over one that forgets.

import { type FileHandle, mkdir, open, readdir, stat, unlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { own } from './owner.ts'

export interface OpenFile {
  /** Rejects where fewer bytes could be written than asked: some of them may be there. */
  write(parts: readonly Uint8Array[], offset: number): Promise<void>
  /** Fewer bytes than asked only at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>
  /** After it has settled, what was written survives a crash, and the file was still in its folder. After it has rejected it must not be called again: the kernel forgets what it could not write. */
  sync(): Promise<void>
  truncate(length: number): Promise<void>
  close(): Promise<void>
}

export interface Files {
  /** Makes the folder, and those above it; after it has settled, they survive a crash. */
  makeFolder(folder: string): Promise<void>
  /** Rejects, naming the owner, where another process has the folder. Settles with what gives it back. */
  own(folder: string): Promise<() => Promise<void>>
  names(folder: string): Promise<readonly string[]>
  size(folder: string, name: string): Promise<number>
  /** `create` rejects where the file exists. */
  open(folder: string, name: string, how: 'create' | 'read'): Promise<OpenFile>
  remove(folder: string, name: string): Promise<void>
  /** After it has settled, what was created and removed in the folder stays so after a crash. */
  syncFolder(folder: string): Promise<void>
}

export const realFiles: Files = {
  async makeFolder(folder) {
    const highest = resolve((await mkdir(folder, { recursive: true, mode: 0o700 })) ?? folder)
    // Each level that is new stands in the one above it; where none is, an earlier run may have ended before it synced the last.
    for (let level = resolve(folder); ; level = dirname(level)) {
      await syncFolder(dirname(level))
      if (level === highest || level === dirname(level)) break
    }
  },
  own,
  names: (folder) => readdir(folder),
  size: async (folder, name) => (await stat(join(folder, name))).size,
  open: async (folder, name, how) => {
    const path = join(folder, name)
    return openFile(await open(path, how === 'create' ? 'wx' : 'r', 0o600), path)
  },
  remove: (folder, name) => unlink(join(folder, name)),
  syncFolder,
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** What is left of `parts` where the first `length` bytes are gone. */
function behind(parts: readonly Uint8Array[], length: number): readonly Uint8Array[] {
  const left: Uint8Array[] = []
  let before = 0
  for (const part of parts) {
    const from = Math.max(0, length - before)
    if (from < part.length) left.push(part.subarray(from))
    before += part.length
  }
  return left
}

function openFile(handle: FileHandle, path: string): OpenFile {
  return {
    async write(parts, offset) {
      let rest = parts
      for (let at = offset; rest.length > 0;) {
        const { bytesWritten } = await handle.writev([...rest], at)
        if (bytesWritten === 0) throw new Error('the disk took no byte of a write, and gave no reason')
        at += bytesWritten
        // A disk that is full takes a part, and says why only when it is asked again.
        rest = behind(rest, bytesWritten)
      }
    },
    async read(offset, length) {
      const bytes = Buffer.allocUnsafeSlow(length)
      let have = 0
      while (have < length) {
        const { bytesRead } = await handle.read(bytes, have, length - have, offset + have)
        if (bytesRead === 0) break
        have += bytesRead
      }
      return bytes.subarray(0, have)
    },
    async sync() {
      await handle.datasync()
      // A file that somebody removed takes everything, and gives nothing back.
      const { nlink } = await handle.stat()
      if (nlink === 0) throw new Error(`${path} was removed by somebody else while it was written`)
    },
    truncate: (length) => handle.truncate(length),
    close: () => handle.close(),
  }
}
